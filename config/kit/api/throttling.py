"""Rate limits of the API, told by RateLimit headers (draft-ietf-httpapi-ratelimit-headers) and Retry-After."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from config.kit.addresses import address_of
from config.kit.api.principals import principal
from config.kit.errors import TooMany, Unavailable

log = structlog.get_logger(__name__)
PERIODS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400}


def parse_limit(text: str) -> tuple[int, int]:
    """`"600/min"` → (600 requests, 60 seconds). Raises ValueError on nonsense."""
    count, _, period = text.partition("/")
    return int(count), PERIODS[period]


def take(key: str, limit: str, *, now: float | None = None) -> tuple[bool, int, int]:
    """Count one use of `key` in the present window: (allowed, remaining, seconds until the window ends)."""
    count, period = parse_limit(limit)
    now = time.time() if now is None else now
    window, reset = int(now // period), period - int(now % period)
    # a subject or an address may hold what a cache key may not
    name = f"limit:{hashlib.sha256(key.encode()).hexdigest()}:{window}"
    cache.add(name, 0, timeout=period + 5)
    try:
        used = cache.incr(name)
    except ValueError:  # evicted between the two calls
        used = 1
    return used <= count, max(0, count - used), reset


def demand(key: str, limit: str) -> None:
    """Count one use of `key`, closed: what must never go unlimited is refused while nothing counts.

    Raises TooMany (429) beyond the limit, Unavailable (503) when the cache does not answer.
    """
    try:
        allowed, _, reset = take(key, limit)
    except (RedisError, OSError) as error:
        log.warning("rate_limit_unavailable", error=repr(error))
        raise Unavailable("Tries cannot be counted at the moment. Try again in half a minute.") from error
    if not allowed:
        raise TooMany(f"Too many tries. Try again in {reset} seconds.", retry_after=reset)


class ClientThrottle(BaseThrottle):
    """One fixed window for each credential, or for each address without one that holds.

    `open_in_outage` says what happens while the cache does not answer: the call passes unlimited, or (for
    what must never go unlimited: trials, logins) is refused with 503.
    """

    open_in_outage = True
    anonymous_limit = "API_ANONYMOUS_LIMIT"
    """The setting that bounds callers without a credential; another name is another count."""

    def allow_request(self, request: Request, view: Any) -> bool:
        caller = principal(request)
        if caller.is_authenticated:
            key, limit = caller.client, settings.API_LIMIT
        else:
            key = f"{self.anonymous_limit}:{address_of(request._request)}"  # noqa: SLF001 - DRF's public seam
            limit = getattr(settings, self.anonymous_limit)
        try:
            allowed, remaining, self.reset = take(key, limit)
        except (RedisError, OSError) as error:
            log.warning("rate_limit_unavailable", error=repr(error))
            if self.open_in_outage:
                return True
            raise Unavailable("Requests cannot be counted at the moment.") from error
        request._request.META["signet.ratelimit"] = (limit, remaining, self.reset)  # noqa: SLF001 - DRF's public seam
        return allowed

    def wait(self) -> float:
        return self.reset
