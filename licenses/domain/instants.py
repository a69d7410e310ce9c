"""Epoch seconds and aware datetimes, within what a datetime can hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

MAX_EPOCH: Final = 253_402_300_799
"""9999-12-31T23:59:59Z, the last second that a datetime can say."""

MAX_DAYS: Final = 3650
"""Longest warning or grace period, in days."""

LAST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def instant(seconds: int) -> datetime:
    """The aware UTC datetime of an epoch second, which is at most MAX_EPOCH."""
    return datetime.fromtimestamp(seconds, UTC)


def later(at: datetime, delta: timedelta) -> datetime:
    """``at`` plus ``delta``, stopping at the end of year 9999."""
    try:
        return at + delta
    except OverflowError:
        return LAST


def require_aware(now: datetime) -> datetime:
    """``now`` itself; raises ValueError for a naive datetime, whose meaning depends on the machine."""
    if now.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return now
