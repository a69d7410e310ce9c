from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifications.domain.days import day_start, hour_of_day, is_zone, local_day, zone_names

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
zones = st.sampled_from(zone_names()).map(ZoneInfo)
days = st.dates(date(1995, 1, 1), date(2037, 12, 31))
instants = st.datetimes(datetime(1995, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - the zone comes from `timezones`


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@settings(deadline=None)
@given(zones, instants)
def test_an_instant_lies_on_exactly_one_day(zone, at):
    day = local_day(at, zone)

    assert day_start(day, zone) <= at < day_start(day + DAY, zone)


@settings(deadline=None)
@given(zones, days)
def test_a_day_that_is_there_holds_each_hour_with_an_hour_to_spare(zone, day):
    start, end = day_start(day, zone), day_start(day + DAY, zone)

    for hour in range(24) if start < end else ():
        assert start <= hour_of_day(day, hour, zone) <= end - HOUR


@settings(deadline=None)
@given(zones, days, st.integers(0, 22))
def test_hours_of_a_day_come_in_their_order(zone, day, hour):
    assert hour_of_day(day, hour, zone) <= hour_of_day(day, hour + 1, zone)


@pytest.mark.parametrize(
    ("name", "day", "start", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), utc(2026, 3, 28, 23), 23),
        ("Europe/Berlin", date(2026, 10, 25), utc(2026, 10, 24, 22), 25),
        ("Africa/Cairo", date(2026, 4, 24), utc(2026, 4, 23, 22), 23),  # midnight is jumped over
        ("America/Havana", date(2026, 11, 1), utc(2026, 11, 1, 4), 25),  # midnight strikes twice
        ("Australia/Lord_Howe", date(2026, 10, 4), utc(2026, 10, 3, 13, 30), 23.5),
        ("Asia/Kathmandu", date(2024, 2, 29), utc(2024, 2, 28, 18, 15), 24),
        ("Pacific/Apia", date(2011, 12, 30), utc(2011, 12, 30, 10), 0),  # never came
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(name, day, start, hours):
    zone = ZoneInfo(name)

    assert day_start(day, zone) == start
    assert day_start(day + DAY, zone) == start + hours * HOUR


@pytest.mark.parametrize(
    ("name", "day", "hour", "strikes"),
    [
        ("Europe/Berlin", date(2026, 3, 28), 7, utc(2026, 3, 28, 6)),
        ("Europe/Berlin", date(2026, 3, 29), 7, utc(2026, 3, 29, 5)),
        ("Europe/Berlin", date(2026, 3, 29), 2, utc(2026, 3, 29, 1)),  # does not exist: at the jump
        ("Europe/Berlin", date(2026, 10, 25), 2, utc(2026, 10, 25, 0)),  # strikes twice: the first
        ("America/Nuuk", date(2026, 3, 28), 23, utc(2026, 3, 29, 0)),  # the day ends at 23:00
    ],
)
def test_an_hour_strikes_once_a_day(name, day, hour, strikes):
    assert hour_of_day(day, hour, ZoneInfo(name)) == strikes


def test_the_end_of_the_calendar_has_a_day():
    assert local_day(utc(9999, 12, 31, 23, 59), ZoneInfo("Pacific/Kiritimati")).year == 9999


def test_the_zones_to_choose_from_are_places():
    names = zone_names()

    assert names[0] == "UTC"
    assert {"Europe/Berlin", "America/New_York", "Asia/Kolkata"} <= set(names)
    assert all(is_zone(name) for name in names)


@pytest.mark.parametrize("name", ["", "Europe/Atlantis", "../etc/passwd", "europe/berlin"])
def test_what_is_no_zone_is_known(name):
    assert not is_zone(name)
