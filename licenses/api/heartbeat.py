"""`POST /api/v1/heartbeats`: answered before sessions, CSRF and DRF, because every installation calls it for ever.

The license text itself is the credential, as a bearer token (A17). What the body may hold is a closed list (A18).
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from functools import cache

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter
from redis.exceptions import RedisError

from config.kit import clock
from config.kit.api.parsers import loads
from config.kit.api.problems import response as problem
from config.kit.api.throttling import take
from config.kit.errors import FieldError, Invalid, Refusal, TooMany, Unauthenticated, Unavailable
from config.kit.middleware import hot_path
from licenses.api.validate import WrongMethod
from licenses.domain.heartbeats import PER_HOUR, Beat, HeartbeatError, read_beat
from licenses.services.beat_buffer import beat_buffer, hour, said_again, said_keep, words_of
from licenses.services.heartbeats import beat_receive, speaker_of

PATH = "/api/v1/heartbeats"
LIMIT = f"{PER_HOUR}/hour"

log = logging.getLogger("signet.heartbeats")
BEATS = Counter("signet_heartbeats", "Heartbeats by outcome", ["outcome"])
_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@hot_path(PATH)
def heartbeat(request: HttpRequest) -> HttpResponse:
    """Keep one heartbeat and answer posture, node cap, messages and when to come again."""
    if request.method != "POST":
        refused = problem(WrongMethod())
        refused["Allow"] = "POST"
        return refused
    try:
        answer = _answer(request, clock.now())
    except (DatabaseError, InterfaceError):
        log.exception("heartbeat_unavailable")
        answer = problem(Unavailable("The database does not answer.", retry_after=60))
    except Refusal as refusal:
        answer = problem(refusal)
    _count_of("kept" if answer.status_code < 400 else str(answer.status_code)).inc()  # noqa: PLR2004 - HTTP's own bound
    return answer


@cache  # outcomes are a closed list
def _count_of(outcome: str) -> Counter:
    return BEATS.labels(outcome)


def _answer(request: HttpRequest, at: datetime) -> HttpResponse:
    text = _bearer(request)
    body = _buffered(text, request.body, at) if settings.HEARTBEAT_BUFFER else _direct(text, request.body, at)
    return HttpResponse(body, content_type="application/json", headers={"Cache-Control": "no-store"})


def _direct(text: str, raw: bytes, at: datetime) -> bytes:
    speaker = speaker_of(text, at=at)
    _admit(speaker.name)
    return _json(beat_receive(speaker=speaker, beat=_beat(raw), at=at).to_dict()).encode()


def _buffered(text: str, raw: bytes, at: datetime) -> bytes:
    """As `_direct`. What is said again in the same words some seconds later is neither parsed nor looked up."""
    words = words_of(text, raw)
    again = said_again(words, at)
    _admit(again.name if again else speaker_of(text, at=at).name)
    if again and again.keep(at):
        return again.answer
    speaker, beat = speaker_of(text, at=at), _beat(raw)
    told = beat_buffer(speaker=speaker, beat=beat, at=at)
    body = _json(told.to_dict()).encode()
    said_keep(words, speaker=speaker, beat=beat, told=told, answer=body, at=at)
    return body


def _bearer(request: HttpRequest) -> str:
    scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise Unauthenticated("Send the license itself: Authorization: Bearer <license text>.")
    return str(text)


def _admit(name: str) -> None:
    """Count this beat of a license.

    In memory where the other processes hear of it with the next flush, or where the cache is none they share.
    Open while the cache is out: a beat must not be lost to that.
    """
    alone = settings.HEARTBEAT_BUFFER or not settings.REDIS_URL
    wait = hour.take(name, PER_HOUR) if alone else _taken(name)
    if wait:
        raise TooMany(f"At most {PER_HOUR} heartbeats of one license in an hour.", retry_after=wait)


def _taken(name: str) -> int:
    try:
        allowed, _, reset = take(f"beat:{name}", LIMIT)
    except (RedisError, OSError) as error:
        log.warning("rate_limit_unavailable: %r", error)
        return 0
    return 0 if allowed else reset


def _beat(raw: bytes) -> Beat:
    try:
        return read_beat(loads(raw))
    except HeartbeatError as error:
        raise Invalid([FieldError(error.field, error.code, error.detail)]) from error
