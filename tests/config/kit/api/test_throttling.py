"""Rate limits, told in headers."""

from __future__ import annotations

import pytest

from config.kit.api import throttling
from config.kit.errors import Unavailable

URL = "/api/v1/me"


@pytest.fixture
def limited(settings):
    settings.API_LIMIT, settings.API_ANONYMOUS_LIMIT = "2/min", "1/min"


def test_a_limit_reads_as_count_and_seconds():
    assert throttling.parse_limit("600/min") == (600, 60)
    for nonsense in ("600", "x/min", "1/fortnight", ""):
        with pytest.raises((ValueError, KeyError)):
            throttling.parse_limit(nonsense)


def test_a_window_counts_and_starts_anew():
    assert throttling.take("a", "2/min", now=0) == (True, 1, 60)
    assert throttling.take("a", "2/min", now=59) == (True, 0, 1)
    assert throttling.take("a", "2/min", now=59)[0] is False
    assert throttling.take("b", "2/min", now=59)[0] is True
    assert throttling.take("a", "2/min", now=60)[0] is True


def test_a_key_may_hold_any_characters():
    assert throttling.take("jwt:a b\n" + "ü" * 300, "2/min")[0]


def test_every_answer_says_what_is_left(viewer, limited):
    answer = viewer.get(URL)
    assert answer.headers["RateLimit-Limit"] == "2"
    assert answer.headers["RateLimit-Remaining"] == "1"
    assert 0 < int(answer.headers["RateLimit-Reset"]) <= 60


def test_over_the_limit_is_429_with_retry_after(viewer, limited):
    refused = [viewer.get(URL) for _ in range(5)][-1]
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 0 < int(refused.headers["Retry-After"]) <= 60


def test_credentials_are_counted_apart(viewer, storefront, limited):
    for _ in range(5):
        viewer.get(URL)
    assert storefront.get(URL).status_code == 200


def test_strangers_are_counted_by_address(api, limited):
    statuses = [api.get(URL).status_code for _ in range(5)]
    assert statuses[0] == 401


class Broken:
    """A throttle of which the cache is a Redis that is gone."""

    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "unix:///nonexistent/redis.sock",
        }
    }


def test_in_an_outage_of_the_cache_the_api_stays_open(viewer, settings, monkeypatch):
    settings.CACHES = Broken.CACHES
    assert viewer.get(URL).status_code == 200


def test_what_must_never_go_unlimited_is_closed_in_an_outage(settings, rf, monkeypatch):
    settings.CACHES = Broken.CACHES
    request = rf.get("/")
    request.user, request._request = throttling.principal.__globals__["Anonymous"](), request
    throttle = throttling.ClientThrottle()
    throttle.open_in_outage = False
    with pytest.raises(Unavailable):
        throttle.allow_request(request, None)
