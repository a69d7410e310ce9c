from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licenses.domain.terms import Terms
from notifications.domain.days import day_start, hour_of_day, local_day, zone_names
from notifications.domain.notices import LATE, Plan, Tense, batch_due, batches, words

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
ENDS = datetime(2026, 4, 1, 15, tzinfo=UTC)
NINE = datetime(2026, 4, 1, 9, tzinfo=UTC)
zones = st.sampled_from(zone_names()).map(ZoneInfo)
instants = st.datetimes(datetime(2012, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone comes from `timezones`
some_days = st.lists(st.integers(0, 60), max_size=6)
plans = st.builds(
    lambda before, after, hour, zone: Plan.of(before=before, after=after, hour=hour, zone=zone),
    some_days,
    st.lists(st.integers(1, 60), max_size=4),
    st.integers(0, 23),
    zones,
)


def plan(*before: int, after=(), hour=9, zone="UTC"):
    return Plan.of(before=before or (30, 14, 7, 1, 0), after=after, hour=hour, zone=ZoneInfo(zone))


def due(at, policy=None, *, expires_at=ENDS, set_at=LONG_AGO):
    batch = batch_due(policy or plan(), expires_at, at, end_set_at=set_at)
    return batch and batch.step


@pytest.mark.parametrize(
    ("days", "step"),
    [(31, None), (30, -30), (29, -30), (23, -30), (22, None), (15, None), (14, -14), (8, -14), (7, -7),
     (2, -7), (1, -1), (0, 0), (-1, 0), (-7, 0), (-8, None)],
)  # fmt: skip
def test_a_step_is_a_window_until_the_next_one(days, step):
    """A missed step is made up for within a week; one that is overtaken is never sent."""
    assert due(NINE - days * DAY) == step


def test_a_step_begins_at_its_hour():
    assert due(NINE - 7 * DAY - timedelta(seconds=1)) == -14
    assert due(NINE - 7 * DAY) == -7


def test_days_before_the_end_are_not_announced_after_it():
    only = plan(3)

    assert due(NINE + 14 * HOUR, only) == -3
    assert due(NINE + DAY, only) is None


def test_days_after_the_end_are_steps_too():
    after = plan(0, after=(7,))

    assert due(NINE + 6 * DAY, after) == 0
    assert due(NINE + 7 * DAY, after) == 7
    assert due(NINE + 15 * DAY, after) is None


def test_an_end_set_after_the_hour_of_a_step_waits_for_the_next():
    """A license of fourteen days is not announced to end in fourteen days on its first morning."""
    made_at = NINE - 14 * DAY + HOUR

    assert due(made_at, set_at=made_at) is None
    assert due(NINE - 7 * DAY, set_at=made_at) == -7


def test_an_empty_policy_has_nothing_due():
    assert list(batches(Plan.of(before=(), after=(), hour=9, zone=ZoneInfo("UTC")), NINE)) == []


def test_the_day_of_the_end_is_the_zone_s():
    late = datetime(2026, 4, 1, 22, 30, tzinfo=UTC)  # 00:30 of the second in Berlin

    assert due(datetime(2026, 4, 1, 8, tzinfo=UTC), plan(zone="Europe/Berlin"), expires_at=late) == -1


@settings(deadline=None)
@given(plans, instants)
def test_no_day_has_two_steps_at_once(policy, at):
    found = [batch.ends_on for batch in batches(policy, at)]

    assert len(found) == len(set(found))


@settings(deadline=None)
@given(plans, instants, st.integers(-80 * 24 * 60, 80 * 24 * 60))
def test_what_is_due_is_the_latest_step_that_still_makes_sense(policy, at, minutes):
    """Against the rule spelled out day by day."""
    expires_at = at + timedelta(minutes=minutes)
    ends_on, today = local_day(expires_at, policy.zone), local_day(at, policy.zone)
    struck = today if hour_of_day(today, policy.hour, policy.zone) <= at else today - DAY
    past = [step for step in policy.steps if ends_on + step * DAY <= struck]
    expected = past[-1] if past else None
    if expected is not None and (
        struck - (ends_on + expected * DAY) > LATE or (expected < 0 and today > ends_on)
    ):
        expected = None

    assert due(at, policy, expires_at=expires_at) == expected


@settings(deadline=None, max_examples=15)
@given(plans, st.dates(date(2012, 1, 1), date(2037, 1, 1)), st.integers(0, 24 * 60 - 1))
def test_each_step_comes_once_in_order_whatever_the_clocks_do(policy, ends_on, minute):
    """With a sweep every few hours from long before the end to long after it."""
    expires_at = day_start(ends_on, policy.zone) + timedelta(minutes=minute)
    ends_on = local_day(expires_at, policy.zone)
    at, sent = expires_at - 62 * DAY, []
    while at < expires_at + 62 * DAY:
        step = due(at, policy, expires_at=expires_at)
        if step is not None and step not in sent:
            sent.append(step)
        at += 5 * HOUR

    assert sent == list(policy.steps)


# --- words ----------------------------------------------------------------------------------------------


def said(at, *, grace_days=14, zone="UTC"):
    return words(Terms(LONG_AGO, ENDS, 30, grace_days), ZoneInfo(zone), at)


@pytest.mark.parametrize(
    ("at", "tense", "days", "ended"),
    [
        (NINE - 30 * DAY, Tense.IN_DAYS, 30, False),
        (NINE - 2 * DAY, Tense.IN_DAYS, 2, False),
        (NINE - DAY, Tense.TOMORROW, 1, False),
        (NINE, Tense.TODAY, 0, False),
        (ENDS, Tense.TODAY, 0, True),
        (NINE + DAY, Tense.EXPIRED, 1, True),
        (NINE + 20 * DAY, Tense.EXPIRED, 20, True),
    ],
)
def test_a_notice_speaks_of_the_end_as_it_stands_when_it_is_sent(at, tense, days, ended):
    words_ = said(at)

    assert (words_.tense, words_.days, words_.ended) == (tense, days, ended)


def test_a_notice_says_when_writing_ends():
    """A9, A10: grace, then read-only, from the license's own terms."""
    assert said(NINE).writes_end_at == ENDS + 14 * DAY
    assert (said(ENDS + 13 * DAY).over, said(ENDS + 14 * DAY).over) == (False, True)


def test_without_grace_writing_ends_at_once():
    words_ = said(ENDS, grace_days=0)

    assert (words_.has_grace, words_.writes_end_at, words_.over) == (False, ENDS, True)


def test_a_perpetual_license_has_no_end_to_speak_of():
    with pytest.raises(ValueError, match="perpetual"):
        words(Terms(LONG_AGO, None, 30, 14), ZoneInfo("UTC"), NINE)
