"""Days as people live them: where a day of a zone begins and ends, whatever its clocks do.

Days are half-open spans of instants and follow each other without gap or overlap, so that an instant lies on
exactly one of them. A day that a zone left out (Samoa, 30 December 2011) is empty.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from licenses.domain.instants import require_aware

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
_LAST: Final = datetime(9999, 12, 29, tzinfo=UTC)  # beyond it, the next day has no name
# Names that stand for others, or for no place.
_ASIDE: Final = ("Etc/", "posix/", "right/", "SystemV/", "US/", "Canada/", "Brazil/", "Chile/", "Mexico/")


@lru_cache(maxsize=1)  # reads every file of the zone database
def _known() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=1)
def zone_names() -> tuple[str, ...]:
    """Zones to choose from, UTC first: places by their IANA names."""
    places = (name for name in _known() if "/" in name and not name.startswith(_ASIDE))
    return ("UTC", *sorted(places))


def is_zone(name: str) -> bool:
    """Is that the name of a zone, listed or not?"""
    return name in _known()


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day, in UTC.

    Midnight; the first of two where clocks go back over it, and where they jump over it the jump itself:
    zoneinfo reads a time that does not exist by the offset before the jump.
    """
    return datetime.combine(day, time(), zone).astimezone(UTC)


def local_day(at: datetime, zone: ZoneInfo) -> date:
    """The day on which an instant lies in a zone."""
    at = min(require_aware(at), _LAST)
    day = at.astimezone(zone).date()
    while at >= day_start(day + DAY, zone):
        day += DAY
    while at < day_start(day, zone):
        day -= DAY
    return day


def hour_of_day(day: date, hour: int, zone: ZoneInfo) -> datetime:
    """When an hour strikes on a day, in UTC: the first time where it strikes twice.

    An hour that clocks jump over is struck at the jump. Where that is the end of the day (Nuuk jumps from
    23:00 to midnight), an hour before it: what is due on a day comes on that day.
    """
    strikes = datetime.combine(day, time(hour), zone).astimezone(UTC)
    return min(strikes, day_start(day + DAY, zone) - HOUR)
