"""Which tiers a buyer may move between, and what it costs (C29)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.changes import Direction, Period, Tier, TierRule, broken_rules, change_quote

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TEAM = Tier("demo", "team", 10, perpetual=False, amount_minor=10_000, currency="eur", period=("year", 1))
BIG = replace(TEAM, plan="big", rank=20, amount_minor=30_000)
OURS = replace(TEAM, perpetual=True, period=("days", 0))
MORE = replace(BIG, perpetual=True, period=("days", 0))
YEAR = Period(365, 183, AT + timedelta(days=183))


@pytest.mark.parametrize(
    ("now", "wanted", "rules"),
    [
        (TEAM, BIG, []),
        (BIG, TEAM, []),
        (OURS, MORE, []),
        (TEAM, replace(BIG, product="other"), [TierRule.OTHER_PRODUCT]),
        (TEAM, replace(BIG, open=False), [TierRule.NOT_ACTIVE]),
        (TEAM, replace(BIG, rank=None), [TierRule.UNRANKED]),
        (replace(TEAM, rank=None), BIG, [TierRule.UNRANKED]),
        (TEAM, replace(BIG, rank=10), [TierRule.SAME_RANK]),
        (MORE, OURS, [TierRule.PERPETUAL_DOWNGRADE]),
        (TEAM, MORE, [TierRule.OTHER_TERM]),
        (OURS, BIG, [TierRule.OTHER_TERM]),
        (TEAM, replace(BIG, period=("month", 1)), [TierRule.OTHER_PERIOD]),
        (TEAM, replace(BIG, currency="usd"), [TierRule.OTHER_CURRENCY]),
        (
            MORE,
            replace(OURS, product="other", open=False, currency="usd"),
            [
                TierRule.OTHER_PRODUCT,
                TierRule.NOT_ACTIVE,
                TierRule.PERPETUAL_DOWNGRADE,
                TierRule.OTHER_CURRENCY,
            ],
        ),
    ],
)
def test_each_rule_for_buyers_has_its_code(now, wanted, rules):
    """C29: both ranked, same product, target active, not same rank, no perpetual downgrade."""
    assert list(broken_rules(now, wanted)) == rules


def test_an_upgrade_of_a_perpetual_license_costs_the_difference():
    quote = change_quote(OURS, MORE, period=None)
    assert (quote.due_minor, quote.direction, quote.effective_at) == (20_000, Direction.UPGRADE, None)


def test_a_cheaper_upgrade_costs_nothing():
    assert change_quote(OURS, replace(MORE, amount_minor=5_000), period=None).due_minor == 0


def test_an_upgrade_within_a_period_costs_the_share_of_the_days_left():
    quote = change_quote(TEAM, BIG, period=YEAR)
    assert (quote.due_minor, quote.effective_at) == (10_027, None)  # 20000 * 183 / 365 = 10027.4


def test_a_half_of_a_cent_goes_up():
    period = Period(2, 1, AT)
    assert change_quote(TEAM, replace(BIG, amount_minor=10_001), period=period).due_minor == 1


def test_a_downgrade_costs_nothing_and_waits_for_the_renewal():
    quote = change_quote(BIG, TEAM, period=YEAR)
    assert (quote.due_minor, quote.difference_minor) == (0, -20_000)
    assert (quote.direction, quote.effective_at) == (Direction.DOWNGRADE, YEAR.ends_at)


@pytest.mark.parametrize(("days", "left"), [(-1, 365), (0, 365), (0.5, 364), (364.9, 0), (365, 0), (400, 0)])
def test_only_whole_days_that_have_not_begun_are_left(days, left):
    """A buyer never pays for a day that has begun, nor for more than the period."""
    period = Period.between(AT, AT + timedelta(days=365), AT + timedelta(days=days))
    assert (period.days, period.days_left) == (365, left)


@given(
    st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 1830), st.integers(0, 1830), st.booleans()
)
def test_nobody_pays_more_than_the_difference(old, new, days, left, up):
    """C29: 0 ≤ due ≤ difference, nothing on the way down, all of it with the whole period left."""
    now, wanted = replace(TEAM, amount_minor=old), replace(BIG, amount_minor=new)
    if not up:
        now, wanted = replace(BIG, amount_minor=old), replace(TEAM, amount_minor=new)
    period = Period(days, min(left, days), AT)
    due = change_quote(now, wanted, period=period).due_minor
    assert 0 <= due <= max(new - old, 0)
    if not up:
        assert due == 0
    elif left >= days:
        assert due == max(new - old, 0)
