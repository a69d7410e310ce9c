"""What the database is asked about releases is what the rule says."""

from __future__ import annotations

from datetime import timedelta
from itertools import product as every

import pytest

from licenses.domain.releases import withheld_because
from licenses.models import License, Release
from licenses.releases import demand_of, releases_open, right_of
from licenses.services.releases import release_publish, release_withdraw

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def test_the_releases_that_are_open_are_those_of_which_the_rule_finds_nothing(product, make_license, at):
    """E32: licenses of every sort, releases of every sort."""
    published = (at - 30 * DAY, at - DAY, at + DAY)
    sorts = every(("stable", "beta"), ("", "enterprise"), ("", "sso"), published)
    for number, (channel, edition, entitlement, day) in enumerate(sorts):
        release = release_publish(
            product=product, version=f"1.{number}.0", channel=channel, minimum_edition=edition,
            entitlement=entitlement, published_at=day, artifact="demo", sha256="ab" * 32, size_bytes=1,
            actor="cli:test", at=at,
        )  # fmt: skip
        if number % 5 == 4:
            release_withdraw(release=release, reason="x", actor="cli:test", at=at)
    over = {"starts_at": at - 400 * DAY, "expires_at": at - 20 * DAY}
    ended = {"sso": {"value": True, "exp": int(at.timestamp())}, "channel.beta": True}
    for fields in (
        {},
        {"edition": "community", "entitlements": {}},
        {"entitlements": ended},
        {"kind": "test"},
        {"internal": True, "entitlements": {}},
        over,
        {"expires_at": None, "maintenance_expires_at": at - 10 * DAY},
        {"expires_at": None, "maintenance_expires_at": None},
        {"starts_at": at + DAY},
        {"status": "suspended"},
        {"status": "revoked"},
    ):
        row = make_license()
        License.objects.filter(pk=row.pk).update(**fields)
        right = right_of(License.objects.get(pk=row.pk))
        by_rule = {r.pk for r in Release.objects.all() if not withheld_because(demand_of(r), right, at)}
        assert set(releases_open(right, at).values_list("pk", flat=True)) == by_rule, fields
