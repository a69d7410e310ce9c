from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.prices import PriceError
from billing.domain.terms import TermFacts, license_terms, maintenance_end, period_end, seats_asked

AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
ONCE = TermFacts("one_off", plan_days=365)
YEARLY = TermFacts("subscription", interval="year")
PERPETUAL = TermFacts("one_off", term_days=0, maintenance="manual", plan_days=365)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (ONCE, {"days": 365}),
        (replace(ONCE, term_days=1095), {"days": 1095}),
        (PERPETUAL, {"perpetual": True}),
        (YEARLY, {"expires_at": datetime(2027, 1, 31, 9, 30, tzinfo=UTC)}),
    ],
)
def test_a_license_ends_as_its_offer_says(facts, expected):
    """E9: several years, for ever, or to the end of the first period."""
    assert license_terms(facts, seats=7, at=AT) == {"starts_at": AT, "seats": 7, **expected}


def test_months_are_clamped_to_their_last_day():
    """C28: a period from 31 January ends on the last of February."""
    monthly = replace(YEARLY, interval="month")
    assert period_end(monthly, AT) == datetime(2026, 2, 28, 9, 30, tzinfo=UTC)


def test_seats_that_are_not_said_are_the_offers_own_and_never_unlimited():
    """E15: 0 seats of a license are unlimited; leaving the number out does not get there."""
    assert [seats_asked(replace(ONCE, default_seats=5), n) for n in (None, 0, 3)] == [5, 5, 3]


@pytest.mark.parametrize(
    ("seats", "code"),
    [(-1, "negative"), (2, "below_minimum"), (11, "above_maximum"), (2**31, "above_maximum")],
)
def test_seats_outside_the_bounds_are_refused(seats, code):
    """E15: negative, or outside what one purchase may hold."""
    with pytest.raises(PriceError) as refusal:
        seats_asked(replace(ONCE, min_managed_products=3, max_managed_products=10), seats)
    assert refusal.value.problem.code == code


def test_only_a_perpetual_license_has_maintenance_of_its_own():
    """E32."""
    assert maintenance_end(PERPETUAL, AT) == AT + timedelta(days=365)
    assert maintenance_end(replace(PERPETUAL, maintenance=""), AT) is None
    assert maintenance_end(replace(PERPETUAL, term_days=30), AT) is None
