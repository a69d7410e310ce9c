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


WRONG = [None, "sgk_wrong", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "ü"]


@pytest.mark.parametrize("token", WRONG)
def test_strangers_are_counted_by_address(token, api, limited):
    """Trust: whoever tries credentials is counted with every try."""
    answers = [api.as_(token).get(URL) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 429, 429]
    assert answers[0].headers["RateLimit-Remaining"] == "0"
    assert 0 < int(answers[1].headers["Retry-After"]) <= 60


def test_every_way_of_being_nobody_has_one_count(api, limited):
    assert [api.as_(token).get(URL).status_code for token in WRONG] == [401, 429, 429, 429]


def test_one_address_does_not_spend_the_tries_of_another(client, db, limited):
    for _ in range(3):
        client.get(URL, REMOTE_ADDR="192.0.2.1")
    assert client.get(URL, REMOTE_ADDR="192.0.2.2").status_code == 401


def test_of_ipv6_the_network_is_counted(client, db, limited):
    """Its owner changes the rest at will."""
    seen = [client.get(URL, REMOTE_ADDR=f"2001:db8:0:{net}::{host}").status_code
            for net, host in ((1, 1), (1, 2), (2, 1))]  # fmt: skip
    assert seen == [401, 429, 401]


def test_a_credential_without_the_scope_is_counted(viewer, limited):
    """By itself: a neighbour behind the same address is not held up."""
    answers = [viewer.post("/api/v1/signing-keys", {}).status_code for _ in range(3)]
    assert answers == [403, 403, 429]


def test_a_session_without_its_csrf_token_is_counted(superadmin, limited, db):
    from django.test import Client

    browser = Client(enforce_csrf_checks=True)
    browser.force_login(superadmin)
    answers = [browser.post("/api/v1/signing-keys", {}, "application/json").status_code for _ in range(2)]
    assert answers == [403, 429]


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
