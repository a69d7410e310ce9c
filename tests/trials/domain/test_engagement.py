from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trials.domain.engagement import (
    Attention,
    Engagement,
    Outcome,
    Paid,
    Thresholds,
    TrialFacts,
    attention_of,
    attention_paid,
    engagement_of,
)

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
LIMITS = Thresholds()
FACTS = TrialFacts(START, START + timedelta(days=30))


def after(**delta: float) -> datetime:
    return START + timedelta(**delta)


def beating(*days: int, hour: float = 1) -> TrialFacts:
    """Heard on these days since the start."""
    instants = [after(days=day, hours=hour) for day in days]
    return replace(
        FACTS,
        first_beat_at=instants[0],
        last_beat_at=instants[-1],
        beat_days=frozenset(i.date() for i in instants),
    )


@pytest.mark.parametrize(
    ("facts", "now", "engagement"),
    [
        (FACTS, after(hours=1), "requested"),
        (FACTS, after(hours=48) - timedelta(seconds=1), "requested"),
        (FACTS, after(hours=48), "stuck"),
        (FACTS, after(days=29), "stuck"),
        (FACTS, after(days=30), "expired"),
        (beating(3), after(days=3, hours=2), "active"),
        (beating(3), after(days=10, hours=1) - timedelta(seconds=1), "active"),
        (beating(3), after(days=10, hours=1), "dormant"),
        (beating(1, 2, 3, 4), after(days=5), "active"),
        (beating(1, 2, 3, 4, 5), after(days=5, hours=2), "pilot_ready"),
        (beating(0, 2, 4, 6, 8), after(days=8, hours=2), "active"),
        (replace(beating(3), over_cap=True), after(days=3, hours=2), "pilot_ready"),
        (replace(beating(3), over_cap=True), after(days=11), "dormant"),
        (beating(14), after(days=15), "pilot_ready"),
        (beating(14), after(days=15) - timedelta(seconds=1), "active"),
        (replace(beating(3), outcome=Outcome.CONVERTED), after(days=90), "converted"),
        (replace(FACTS, outcome=Outcome.REVOKED), after(days=1), "lost"),
        (replace(FACTS, outcome=Outcome.LOST), after(days=1), "lost"),
        (replace(FACTS, outcome=Outcome.EXPIRED), after(days=31), "expired"),
    ],
)
def test_the_states_of_a_trial(facts, now, engagement):
    """A19."""
    assert engagement_of(facts, now, LIMITS).engagement == engagement


def test_a_trial_stuck_for_a_week_needs_a_person():
    """A19: 48 h for the e-mail, 7 days for a staff task."""
    assert attention_of(FACTS, after(days=7) - timedelta(seconds=1), LIMITS) is Attention.NONE
    assert attention_of(FACTS, after(days=7), LIMITS) is Attention.STUCK
    assert attention_of(beating(6), after(days=7), LIMITS) is Attention.NONE


@pytest.mark.parametrize(
    ("facts", "days", "attention", "due"),
    [
        (Paid(START), 29, Attention.NONE, 30),
        (Paid(START), 30, Attention.DORMANT_PAID, None),
        (Paid(START, after(days=10)), 39, Attention.NONE, 40),
        (Paid(START, after(days=10)), 40, Attention.DORMANT_PAID, None),
        (Paid(START, after(days=-5)), 30, Attention.DORMANT_PAID, None),
        (Paid(START, holds=False), 90, Attention.NONE, None),
    ],
)
def test_a_customer_that_is_silent_for_a_month_needs_a_person(facts, days, attention, due):
    """A19: dormant after 30 days when paid; counted from the purchase, or from what was heard since."""
    found = attention_paid(facts, after(days=days), LIMITS)
    assert found == (attention, None if due is None else after(days=due))


def test_the_thresholds_are_settings():
    """A19."""
    limits = replace(LIMITS, stuck=timedelta(hours=4), ready_days=2)
    assert engagement_of(FACTS, after(hours=4), limits).engagement is Engagement.STUCK
    assert engagement_of(beating(1, 2), after(days=2, hours=2), limits).engagement is Engagement.PILOT_READY


@given(
    st.lists(st.integers(0, 40), max_size=12),
    st.booleans(),
    st.integers(0, 45 * 24 * 60),
    st.integers(1, 24 * 60),
)
def test_nothing_changes_before_the_instant_that_is_told(days, over_cap, minute, more):
    """`due_at` is exact enough to sweep by: until then, unheard, the state stays."""
    now = after(minutes=minute)
    heard = sorted(day for day in days if after(days=day, hours=1) <= now)
    facts = replace(beating(*heard) if heard else FACTS, over_cap=over_cap)
    state = engagement_of(facts, now, LIMITS)
    later = now + timedelta(minutes=more)
    if state.due_at is None or later < state.due_at:
        assert engagement_of(facts, later, LIMITS).engagement is state.engagement
        assert attention_of(facts, later, LIMITS) is attention_of(facts, now, LIMITS)
    if state.due_at is not None:
        assert state.due_at > now
