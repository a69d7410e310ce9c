from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifications.domain.days import day_start, local_day, zone_names
from notifications.domain.digest import (
    INTERNAL,
    Line,
    Schedule,
    Section,
    Tally,
    Told,
    due_day,
    next_run_at,
    shared,
    span_of,
)

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MONDAY = date(2026, 3, 2)
BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
EVERY_DAY = frozenset(range(7))
GROUPS = ("commercial", "trial", "test", INTERNAL)

zones = st.sampled_from(zone_names()).map(ZoneInfo)
days = st.dates(date(2012, 1, 1), date(2037, 1, 1)) | st.just(date(2024, 2, 29))
schedules = st.builds(Schedule, st.integers(0, 23), zones, st.frozensets(st.integers(0, 6), min_size=1))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def daily(hour=7, zone=BERLIN, weekdays=EVERY_DAY):
    return Schedule(hour, zone, frozenset(weekdays))


def due(at, schedule=None, *, begins=LONG_AGO, done=None):
    return due_day(schedule or daily(), at, begins=begins, done=done)


def span(day=MONDAY, zone=UTC_ZONE, *, days_ahead=30, begins=None, told=None):
    return span_of(day, zone, days_ahead=days_ahead, begins=begins or day_start(day, zone), told=told)


def line(number=1, *, section=Section.WEEK, kind="commercial", internal=False):
    return Line(
        license_id=number, public_id=f"L-{number}", account_id=1, account="Acme", product="Demo", plan="Pro",
        kind=kind, internal=internal, quantity=1, creator="Ada", created_at=LONG_AGO, expires_at=LONG_AGO,
        days_left=3, section=section,
    )  # fmt: skip


# --- when -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (utc(2026, 3, 2, 5, 59, 59), None),
        (utc(2026, 3, 2, 6), MONDAY),  # 07:00 in Berlin
        (utc(2026, 3, 2, 22, 59), MONDAY),  # late, and the same day
        (utc(2026, 3, 2, 23), None),  # Tuesday in Berlin, and not yet seven
        (utc(2026, 3, 29, 5), date(2026, 3, 29)),  # summer time began that night
        (utc(2026, 3, 29, 4, 59), None),
        (utc(2026, 10, 25, 6), date(2026, 10, 25)),  # and ended
        (utc(2026, 10, 25, 5, 59), None),
    ],
)
def test_a_digest_is_due_from_its_hour_to_the_end_of_the_day_in_its_zone(at, expected):
    """D13: once a day; D14: at the hour that is set."""
    assert due(at) == expected


def test_a_day_that_has_its_digest_is_not_due_again():
    """D13: running twice on a day sends once."""
    assert due(utc(2026, 3, 2, 7), done=MONDAY) is None
    assert due(utc(2026, 3, 3, 7), done=MONDAY) == MONDAY + DAY


def test_a_digest_keeps_its_days_of_the_week():
    assert due(utc(2026, 3, 2, 7), daily(weekdays={1, 2})) is None
    assert due(utc(2026, 3, 3, 7), daily(weekdays={1, 2})) == MONDAY + DAY


def test_a_digest_set_up_after_its_hour_begins_on_the_next_day():
    begins = utc(2026, 3, 2, 14)

    assert due(begins + HOUR, begins=begins) is None
    assert due(begins + DAY, begins=begins) == MONDAY + DAY


@settings(deadline=None)
@given(schedules, days)
def test_every_day_of_the_week_that_is_set_has_exactly_one_digest(schedule, first):
    """Through whatever the clocks of any zone do: a sweep every ten minutes, three days long."""
    at, done, made = day_start(first, schedule.zone), None, []
    end = day_start(first + 3 * DAY, schedule.zone)
    while at < end:
        day = due_day(schedule, at, begins=LONG_AGO, done=done)
        if day is not None:
            made.append(day)
            done = day
        at += timedelta(minutes=10)

    there = [first + n * DAY for n in range(3)]
    there = [day for day in there if day_start(day, schedule.zone) < day_start(day + DAY, schedule.zone)]
    assert made == [day for day in there if day.weekday() in schedule.weekdays]


@settings(deadline=None)
@given(schedules, st.datetimes(datetime(2012, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - the zone comes from `timezones`
def test_the_next_run_is_the_first_instant_at_which_one_is_due(schedule, at):
    following = next_run_at(schedule, at, begins=LONG_AGO, done=None)

    assert following is not None
    assert due_day(schedule, following, begins=LONG_AGO, done=None) is not None
    if following > at:
        halfway = at + (following - at) / 2
        for before in (at, halfway, following - timedelta(microseconds=1)):
            assert due_day(schedule, before, begins=LONG_AGO, done=None) is None


def test_without_a_day_of_the_week_there_is_no_next_run():
    assert next_run_at(daily(weekdays=()), utc(2026, 3, 2, 7), begins=LONG_AGO, done=None) is None


def test_what_is_due_already_is_next():
    at = utc(2026, 3, 2, 9)

    assert next_run_at(daily(), at, begins=LONG_AGO, done=None) == at
    assert next_run_at(daily(), at, begins=LONG_AGO, done=MONDAY) == utc(2026, 3, 3, 6)


# --- what -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expires_at", "section", "left"),
    [
        (utc(2026, 3, 2), Section.TODAY, 0),
        (utc(2026, 3, 2, 23, 59, 59), Section.TODAY, 0),
        (utc(2026, 3, 3), Section.WEEK, 1),
        (utc(2026, 3, 9, 23, 59), Section.WEEK, 7),
        (utc(2026, 3, 10), Section.MONTH, 8),
        (utc(2026, 4, 1, 23, 59), Section.MONTH, 30),
        (utc(2026, 4, 2), Section.LATER, 31),
        (utc(2026, 3, 1, 23, 59), Section.SINCE, -1),
    ],
)
def test_a_license_stands_where_its_end_is(expires_at, section, left):
    """D13: about to expire, or expired today."""
    covered = span(days_ahead=60)

    assert (covered.section(expires_at), covered.days_left(expires_at)) == (section, left)


def test_today_is_the_zone_s_day():
    covered = span(zone=BERLIN)

    assert (covered.today, covered.tomorrow) == (utc(2026, 3, 1, 23), utc(2026, 3, 2, 23))
    assert covered.section(utc(2026, 3, 1, 23, 30)) is Section.TODAY
    assert covered.until == utc(2026, 4, 1, 22)  # summer time: the last day ends an hour earlier


def test_the_first_digest_looks_back_to_when_it_was_set_up():
    covered = span(begins=utc(2026, 2, 27, 15))

    assert covered.first == covered.since == utc(2026, 2, 27)


def test_a_digest_covers_what_expired_on_days_without_one():
    covered = span(told=Told(date(2026, 2, 27), utc(2026, 2, 27, 7)))

    assert covered.since == utc(2026, 2, 28)
    assert covered.section(utc(2026, 2, 28, 12)) is Section.SINCE


def test_of_the_last_digest_s_day_only_what_came_after_it_is_covered():
    covered = span(told=Told(MONDAY - DAY, utc(2026, 3, 1, 7)))

    assert (covered.first, covered.since) == (utc(2026, 3, 1), utc(2026, 3, 2))
    assert (covered.reopened, covered.reopened_at) == (utc(2026, 3, 1), utc(2026, 3, 1, 7))


def test_looking_back_has_an_end():
    covered = span(told=Told(date(2025, 12, 24), utc(2025, 12, 24, 7)))

    assert covered.cut
    assert covered.first == covered.since == utc(2026, 1, 30)


@settings(deadline=None)
@given(zones, days, st.integers(0, 365), st.integers(1, 40))
def test_the_sections_are_the_span_without_gap_or_overlap(zone, day, ahead, gone):
    told = Told(day - gone * DAY, day_start(day - gone * DAY, zone))
    covered = span(day, zone, days_ahead=ahead, told=told)

    at = covered.first
    for section in Section:
        start, end = covered.bounds(section)
        assert start == at
        assert start <= end
        if start < end:
            assert covered.section(start) is section
            assert covered.section(end - timedelta(microseconds=1)) is section
        at = end
    assert at == covered.until


@settings(deadline=None)
@given(zones, days, st.lists(st.integers(0, 4), min_size=1, max_size=6), st.integers(0, 30 * 24 * 60))
def test_an_end_is_told_as_past_or_present_exactly_once(zone, first, gaps, minutes):
    """Always true 7: whichever days have no digest, nothing is told twice and nothing is lost."""
    told, runs = None, []
    for gap in gaps:
        day = first + gap * DAY if not runs else runs[-1].day + (gap + 1) * DAY
        runs.append(span(day, zone, begins=day_start(first, zone), told=told))
        told = Told(day, day_start(day, zone) + 7 * HOUR)
    expires_at = day_start(first, zone) + timedelta(minutes=minutes)

    listed = [run for run in runs if run.since <= expires_at < run.tomorrow]
    assert len(listed) == (1 if expires_at < runs[-1].tomorrow else 0)


# --- the list -------------------------------------------------------------------------------------------


def test_internal_licenses_stand_apart():
    """D4: whatever their kind."""
    assert line(kind="test", internal=True).group == INTERNAL


def test_the_list_counts_all_and_keeps_some():
    tally = Tally(keep=3)
    for number in range(10):
        tally.add(line(number))

    assert tally.total == 10
    assert [kept.license_id for kept in tally.kept[Section.WEEK, "commercial"]] == [0, 1, 2]


def test_the_list_is_ordered_by_time_then_by_kind():
    tally = Tally(keep=10)
    for section, kind in ((Section.WEEK, "trial"), (Section.WEEK, "commercial"), (Section.TODAY, "test")):
        tally.add(line(section=section, kind=kind))

    assert list(tally.shown(GROUPS)) == [
        (Section.TODAY, "test"),
        (Section.WEEK, "commercial"),
        (Section.WEEK, "trial"),
    ]
    assert (tally.of_section(Section.WEEK), tally.expired) == (2, 1)


@pytest.mark.parametrize(
    ("counts", "room", "expected"),
    [
        ([], 5, []),
        ([3, 4], 10, [3, 4]),
        ([50, 50], 10, [5, 5]),
        ([1, 50, 50], 10, [1, 6, 3]),
        ([50, 0, 2], 4, [3, 0, 1]),
    ],
)
def test_room_is_shared_and_what_is_left_goes_to_the_first(counts, room, expected):
    assert shared(counts, room) == expected


@given(st.lists(st.integers(0, 300), max_size=20), st.integers(0, 200))
def test_no_room_is_wasted_and_none_is_overdrawn(counts, room):
    shares = shared(counts, room)

    assert sum(shares) == min(sum(counts), room)
    assert all(0 <= share <= count for share, count in zip(shares, counts, strict=True))


def test_the_day_of_an_end_is_judged_in_the_zone():
    at = utc(2026, 3, 2, 11)

    assert local_day(at, ZoneInfo("Pacific/Auckland")) == date(2026, 3, 3)
    assert span(zone=ZoneInfo("Pacific/Auckland")).days_left(at) == 1
