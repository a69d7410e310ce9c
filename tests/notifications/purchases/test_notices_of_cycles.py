"""Notices and subscriptions: nobody is told that a license ends which renews itself (D13, C28)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from notifications.models import Message
from notifications.services.notices import notice_policy_update, notices_sweep

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
BY = {"actor": "cli:test"}


@pytest.fixture
def ending(make_account, make_ending, at):
    """Return a maker of licenses that end in a week and whose account has an address."""
    acme = make_account("Acme Corporation", slug="acme-corp", email="ada@acme.example")
    return lambda: make_ending(7 * DAY, account=acme, made_at=at - 60 * DAY)


@pytest.fixture
def told(db, at):
    """Return what sweeps, switched on, and says which licenses were written about."""

    def sweep():
        notice_policy_update(enabled=True, hour=9, at=at, **BY)
        notices_sweep(at=at, **BY)
        return set(Message.objects.values_list("license", flat=True))

    return sweep


def test_who_pays_by_subscription_is_not_told_of_an_end(ending, make_subscription, told):
    """C28, D13: an active cycle goes on by itself."""
    make_subscription(license=ending())
    other = ending()
    assert told() == {other.pk}


@pytest.mark.parametrize(
    "fields",
    [{"cancel_at_period_end": True}, {"state": "past_due"}, {"state": "cancelled"}, {"state": "lapsed"}],
)
def test_who_is_not_renewed_is_told(ending, make_subscription, told, fields):
    row = ending()
    make_subscription(license=row, **fields)
    assert told() == {row.pk}


def test_no_license_of_a_bundle_is_announced_to_end(ending, make_subscription, make_payment, told):
    """C28: a cycle renews everything that its order brought."""
    rows = (ending(), ending())
    cycle = make_subscription(license=rows[0])
    make_payment(licenses=rows, subscription=cycle)
    assert told() == set()
