"""What of digests and notices waits for a person."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache

from notifications.expiry_attention import DIGESTS, NOTICES
from notifications.models import ExpiryDigest
from notifications.services.digest_runs import digest_run
from notifications.services.notices import notice_policy_update
from notifications.services.suppressions import suppression_add

pytestmark = pytest.mark.django_db

BY = {"actor": "cli:test"}
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def titles(source, at):
    return [problem.title for problem in source.find(at)]


def test_a_digest_for_nobody_waits_for_a_person(make_digest, at):
    make_digest(recipients=[], hour=23)

    assert titles(DIGESTS, at) == ["Nobody receives the digest “Daily”"]


def test_a_digest_that_reaches_nobody_waits_for_a_person(make_digest, at):
    make_digest(recipients=["ada@signet.example", "bob@signet.example"], hour=23)
    for address, expected in (("ada@signet.example", 0), ("bob@signet.example", 1)):
        suppression_add(address=address, reason="hard_bounce", at=at, **BY)
        assert len(titles(DIGESTS, at)) == expected


def test_a_digest_that_is_late_waits_for_a_person(make_digest, at):
    digest = make_digest(hour=9)
    assert titles(DIGESTS, at) == []
    assert titles(DIGESTS, at + HOUR) == ["The digest “Daily” of 2026-03-02 is late"]

    digest_run(digest=digest, day=at.date(), at=at + HOUR, **BY)

    assert titles(DIGESTS, at + HOUR) == []


def test_a_digest_without_a_zone_waits_for_a_person(make_digest, at):
    digest = make_digest()
    ExpiryDigest.objects.filter(pk=digest.pk).update(zone="Mars/Base")

    assert titles(DIGESTS, at) == ["The digest “Daily” is never made"]


def test_a_digest_that_is_off_waits_for_nobody(make_digest, at):
    make_digest(recipients=[], enabled=False)

    assert titles(DIGESTS, at) == []


def test_customers_without_an_address_wait_for_a_person(make_ending, at):
    row = make_ending(7 * DAY, made_at=at - 60 * DAY)
    assert titles(NOTICES, at) == []
    notice_policy_update(enabled=True, at=at, **BY)

    assert titles(NOTICES, at) == ["Acme cannot be told that a license ends"]

    type(row.account).objects.update(email="ada@acme.example")
    assert titles(NOTICES, at) == []


def test_who_has_no_address_is_looked_up_once_in_ten_minutes(make_ending, at, django_assert_num_queries):
    """The number in the menu asks for it on every page."""
    notice_policy_update(enabled=True, at=at, **BY)
    make_ending(7 * DAY, made_at=at - 60 * DAY)
    cache.clear()

    with django_assert_num_queries(3):
        list(NOTICES.find(at))
    with django_assert_num_queries(2):
        list(NOTICES.find(at))
