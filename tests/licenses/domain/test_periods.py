from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licenses.domain.periods import PeriodError, RenewalAnchor, add_months, add_term, renewal_end

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
instants = st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants bounds without a zone


def at(year, month, day, hour=12):
    return datetime(year, month, day, hour, tzinfo=UTC)


def refusal(**asked):
    with pytest.raises(PeriodError) as refused:
        renewal_end(**{"anchor": "old_end", "current_end": NOW, "now": NOW} | asked)
    return refused.value.reason


@pytest.mark.parametrize(
    ("begin", "months", "end"),
    [
        (at(2026, 1, 31), 1, at(2026, 2, 28)),
        (at(2028, 1, 31), 1, at(2028, 2, 29)),
        (at(2028, 2, 29), 12, at(2029, 2, 28)),
        (at(2026, 8, 31), 1, at(2026, 9, 30)),
        (at(2026, 12, 15), 1, at(2027, 1, 15)),
        (at(2026, 3, 31), -1, at(2026, 2, 28)),
        (at(2026, 5, 31), 0, at(2026, 5, 31)),
    ],
)
def test_months_clamp_to_the_end_of_the_month(begin, months, end):
    """A26: month arithmetic clamps, 31 January + 1 month is the last of February."""
    assert add_months(begin, months) == end


@given(instants, st.integers(-240, 240))
@settings(max_examples=100, deadline=None)
def test_adding_months_lands_in_the_right_month_on_the_nearest_day(begin, months):
    end = add_months(begin, months)
    assert (end.year * 12 + end.month) - (begin.year * 12 + begin.month) == months
    assert end.day == min(begin.day, calendar.monthrange(end.year, end.month)[1])
    assert end.time() == begin.time()


@given(instants, st.integers(1, 240), st.integers(0, 12))
@settings(max_examples=80, deadline=None)
def test_longer_terms_never_end_earlier(begin, months, more):
    assert add_months(begin, months) <= add_months(begin, months + more)


def test_other_zones_are_counted_in_utc():
    """Expiry is an instant in UTC: 31 January 23:30 in New York is February already."""
    local = datetime(2026, 1, 31, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert add_months(local, 1) == datetime(2026, 3, 1, 4, 30, tzinfo=UTC)


def test_a_leap_day_renews_to_the_last_of_february():
    leap = at(2028, 2, 29)
    assert renewal_end(anchor="old_end", current_end=leap, now=at(2028, 2, 1), months=12) == at(2029, 2, 28)


def test_renewing_extends_from_the_old_end():
    """A26: a customer who renews early loses nothing."""
    end = NOW + timedelta(days=10)
    renewed = renewal_end(anchor=RenewalAnchor.OLD_END, current_end=end, now=NOW, days=30)
    assert renewed == NOW + timedelta(days=40)


def test_renewing_after_the_end_extends_from_now():
    """A26: unless the old end is past."""
    end = NOW - timedelta(days=10)
    assert renewal_end(anchor="old_end", current_end=end, now=NOW, months=1) == at(2026, 4, 1)


def test_a_renewal_can_count_from_now_or_from_a_date():
    """A26: with a choice of anchor."""
    end = NOW + timedelta(days=10)
    assert renewal_end(anchor="now", current_end=end, now=NOW, days=30) == NOW + timedelta(days=30)
    date = at(2026, 6, 1)
    assert renewal_end(anchor="date", current_end=end, now=NOW, date=date) == date
    assert renewal_end(anchor="date", current_end=end, now=NOW, date=date, months=1) == at(2026, 7, 1)


@given(instants, instants, st.sampled_from(["old_end", "now"]), st.integers(1, 800))
@settings(max_examples=100, deadline=None)
def test_a_renewal_is_later_or_refused(current_end, now, anchor, days):
    """A26: a new expiry not later than the old one is refused."""
    expected = (max(now, current_end) if anchor == "old_end" else now) + timedelta(days=days)
    asked = {"anchor": anchor, "current_end": current_end, "now": now, "days": days}
    if expected > current_end:
        assert renewal_end(**asked) == expected
    else:
        assert (anchor, refusal(**asked)) == ("now", "not_later")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"anchor": "date", "date": NOW}, "not_later"),
        ({"anchor": "now", "days": 1, "current_end": NOW + timedelta(days=1)}, "not_later"),
        ({"anchor": "date", "days": 5}, "bad_anchor"),
        ({"anchor": "now", "days": 5, "date": NOW}, "bad_anchor"),
        ({"anchor": "later", "days": 5}, "bad_anchor"),
        ({}, "bad_term"),
        ({"days": 5, "months": 1}, "bad_term"),
        ({"days": 0}, "bad_term"),
        ({"months": -1}, "bad_term"),
        ({"days": 10**9}, "bad_term"),
        ({"months": 1200, "current_end": at(9990, 1, 1)}, "out_of_range"),
        ({"days": 36_000, "current_end": at(9990, 1, 1)}, "out_of_range"),
        ({"days": 5, "current_end": None}, "perpetual"),
    ],
)
def test_a_renewal_that_makes_no_sense_is_refused(asked, reason):
    assert refusal(**asked) == reason


def test_terms_need_a_zone():
    with pytest.raises(ValueError, match="time zone"):
        add_term(datetime(2026, 1, 1), days=1)  # noqa: DTZ001 - the mistake under test
