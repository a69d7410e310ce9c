"""Fixtures of digests and notices: licenses that end, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

ACTOR = "cli:test"
DAY = timedelta(days=1)


@pytest.fixture
def make_digest(db, at) -> Callable[..., Any]:
    """Return a maker of digests for Ada, set up yesterday: `make_digest(hour=8)`."""
    from notifications.services.digests import digest_create

    def make(*, created_at: Any = None, **fields: Any):
        given = {"name": "Daily", "recipients": ["ada@signet.example"], **fields}
        return digest_create(actor=ACTOR, at=created_at or at - DAY, **given)

    return make


@pytest.fixture
def make_ending(customer, enterprise, at) -> Callable[..., Any]:
    """Return a maker of licenses that began two months ago: `make_ending(timedelta(days=5))` after `at`."""
    from licenses.services.issuing import license_create

    def make(delta: timedelta, *, account: Any = None, kind: Any = None, internal: bool = False,
             creator: Any = None, made_at: Any = None, plan: Any = None, **terms: Any):  # fmt: skip
        return license_create(
            account=account or customer,
            plan=plan or enterprise,
            kind=kind,
            internal=internal,
            origin="staff",
            creator=creator,
            terms={"starts_at": at - 60 * DAY, "expires_at": at + delta, **terms},
            actor=ACTOR,
            at=made_at or at,
        )

    return make


@pytest.fixture
def make_endings(make_ending, at) -> Callable[..., None]:
    """Return a maker of many such licenses at once, each ending a little later than the one before."""
    from config.kit.ids import uuid7
    from licenses.models import License

    def make(count: int, *, account: Any = None) -> None:
        first = make_ending(DAY, account=account)
        values = {
            f.attname: getattr(first, f.attname) for f in License._meta.concrete_fields if f.name != "id"
        }
        rows = [
            License(**{**values, "uid": uuid7(), "expires_at": first.expires_at + timedelta(minutes=number)})
            for number in range(1, count)
        ]
        License.objects.bulk_create(rows, batch_size=500)

    return make
