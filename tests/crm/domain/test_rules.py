"""The pure rules: attribution, health, and the words of a task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.domain.health import Health, Signs, health_of
from crm.domain.texts import LONGEST_TITLE, TITLES, title_of, traffic_text
from crm.domain.touches import Attribution, Touch, attributed, joined

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
TOUCHES = st.lists(
    st.builds(Touch, st.sampled_from("abc"), st.just(""), st.just(""), st.datetimes(timezones=st.just(UTC))),
    max_size=6,
)


@given(TOUCHES, TOUCHES)
def test_a_first_touch_that_is_known_stays_and_the_last_is_the_latest(before, after):
    """A23."""
    known = attributed(Attribution(), before)
    found = attributed(known, after)
    assert found.first == (known.first or min(after, key=lambda touch: touch.at, default=None))
    heard = [touch.at for touch in (*before, *after)]
    assert (found.last.at if found.last else None) == max(heard, default=None)


@given(TOUCHES, TOUCHES)
def test_joining_two_people_keeps_the_earlier_first_and_the_later_last(one, other):
    """A23."""
    ours, theirs = attributed(Attribution(), one), attributed(Attribution(), other)
    both = joined(ours, theirs)
    heard = [touch.at for touch in (*one, *other)]
    assert (both.first.at if both.first else None) == min(heard, default=None)
    assert (both.last.at if both.last else None) == max(heard, default=None)


@pytest.mark.parametrize(
    ("signs", "health"),
    [
        (Signs(None), Health.AT_RISK),
        (Signs(NOW - 30 * DAY), Health.AT_RISK),
        (Signs(NOW - 30 * DAY + timedelta(seconds=1)), Health.WATCH),
        (Signs(NOW - 7 * DAY), Health.WATCH),
        (Signs(NOW, "escalated"), Health.GOOD),
        (Signs(NOW, failing=True), Health.AT_RISK),
    ],
)
def test_silence_and_failing_payments_are_risks(signs, health):
    """D18."""
    assert health_of(signs, NOW)[0] is health


@pytest.mark.parametrize("kind", list(TITLES))
def test_a_title_fits_whatever_the_account_is_called(kind):
    assert len(title_of(kind, "x" * 300, "escalated")) <= LONGEST_TITLE


def test_a_day_of_many_sources_is_told_by_the_largest():
    """A24."""
    lines = traffic_text([(f"s{number}", "", "", number) for number in range(1, 31)]).splitlines()
    assert (lines[0], lines[1], lines[-1], len(lines)) == ("465 in all", "30 s30", "55 from elsewhere", 22)
