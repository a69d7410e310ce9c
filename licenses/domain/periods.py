"""Terms and renewals. Instants are aware UTC datetimes; month arithmetic clamps to the month's end."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from licenses.domain.errors import DomainError
from licenses.domain.instants import require_aware

MAX_TERM_DAYS: Final = 36_525
MAX_TERM_MONTHS: Final = 1200


class PeriodError(DomainError):
    """A term or a renewal that is refused."""


class RenewalAnchor(StrEnum):
    """What a renewal counts from."""

    OLD_END = "old_end"
    NOW = "now"
    DATE = "date"


def add_months(at: datetime, months: int) -> datetime:
    """The same UTC time of day ``months`` later, on the last day of a shorter month.

    31 January + 1 month is 28 or 29 February. Raises PeriodError beyond year 9999.
    """
    at = require_aware(at).astimezone(UTC)
    index = at.year * 12 + at.month - 1 + months
    year, month = divmod(index, 12)
    if not 1 <= year <= 9999:  # noqa: PLR2004 - the years of a datetime
        raise PeriodError("out_of_range", "the period ends beyond year 9999")
    return at.replace(year=year, month=month + 1, day=min(at.day, calendar.monthrange(year, month + 1)[1]))


def add_term(at: datetime, *, months: int | None = None, days: int | None = None) -> datetime:
    """``at`` plus a term of months or of days, exactly one of them and positive; raises PeriodError."""
    if (months is None) == (days is None):
        raise PeriodError("bad_term", "a term is a number of months or a number of days")
    if months is not None:
        if not 1 <= months <= MAX_TERM_MONTHS:
            raise PeriodError("bad_term", f"a term has 1 to {MAX_TERM_MONTHS} months")
        return add_months(at, months)
    if days is None or not 1 <= days <= MAX_TERM_DAYS:
        raise PeriodError("bad_term", f"a term has 1 to {MAX_TERM_DAYS} days")
    try:
        return require_aware(at).astimezone(UTC) + timedelta(days=days)
    except OverflowError as error:
        raise PeriodError("out_of_range", "the period ends beyond year 9999") from error


def renewal_end(
    *,
    anchor: RenewalAnchor | str,
    current_end: datetime | None,
    now: datetime,
    months: int | None = None,
    days: int | None = None,
    date: datetime | None = None,
) -> datetime:
    """The end of a license after renewing it (A26).

    ``old_end`` extends from the present end, or from ``now`` when that is past. ``now`` counts from now.
    ``date`` counts from ``date``, and without a term ``date`` is the new end itself. Raises PeriodError:
    ``perpetual`` (nothing to extend), ``bad_anchor``, ``bad_term``, ``out_of_range``, and ``not_later``
    when the new end would not be later than the old one.
    """
    if current_end is None:
        raise PeriodError("perpetual", "a perpetual license has no end to extend")
    start = _start(anchor, require_aware(current_end), require_aware(now), date)
    if anchor == RenewalAnchor.DATE and months is None and days is None:
        end = start.astimezone(UTC)
    else:
        end = add_term(start, months=months, days=days)
    if end <= current_end:
        raise PeriodError("not_later", "the new end is not later than the old one")
    return end


def _start(anchor: str, current_end: datetime, now: datetime, date: datetime | None) -> datetime:
    if (anchor == RenewalAnchor.DATE) != (date is not None):
        raise PeriodError("bad_anchor", "a date is given with the anchor 'date', and only then")
    match anchor:
        case RenewalAnchor.OLD_END:
            return max(current_end, now)
        case RenewalAnchor.NOW:
            return now
        case RenewalAnchor.DATE if date is not None:
            return require_aware(date)
    raise PeriodError("bad_anchor", "renewals count from 'old_end', 'now' or a 'date'")
