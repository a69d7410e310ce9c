"""What the page of a license says of the subscription that renews it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.billing.money import *  # noqa: F403 - subscriptions
from tests.licenses.admin.conftest import page

__all__ = ["page"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def next_step(signed_in, license_manager, clock, page):
    """Return what a license's page says under "What happens by itself"."""
    browser = signed_in(license_manager)
    return lambda row: browser.get(page(row)).context["facts"]


def test_a_license_that_renews_itself_says_so(make_license, make_subscription, next_step):
    """A8, C28: what happens by itself is the renewal; the end comes without it only."""
    row = make_license()
    make_subscription(license=row, period_end=row.expires_at)
    facts = next_step(row)
    assert facts.next_at == row.expires_at
    assert facts.next_text.startswith(
        "Its subscription renews it on 2027-03-02 (in 365 days): a paid invoice"
    )
    assert "Without that: begins to warn on 2027-01-31" in facts.next_text


def test_a_late_invoice_is_awaited(make_license, make_subscription, next_step, at):
    row = make_license()
    make_subscription(license=row, period_end=at - timedelta(days=2))
    assert "as soon as Stripe is paid, due 2 days ago" in next_step(row).next_text


@pytest.mark.parametrize("fields", [{"cancel_at_period_end": True}, {"state": "past_due"}])
def test_a_cycle_that_does_not_renew_is_not_promised(make_license, make_subscription, next_step, fields):
    row = make_license()
    make_subscription(license=row, **fields)
    assert next_step(row).next_text.startswith("Begins to warn")
