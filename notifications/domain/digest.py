"""The expiry digest as rules: when it is due, what it lists, and how the list is ordered (D13, D14).

A digest is of a day in its zone, and is made once a day at its hour. What happens when that hour is missed:

- Missed by hours, it is made late on the same day: its list is of the day, not of the hour.
- Missed by days, the old mails are not sent: nobody wants three mornings at once, and what was about to
  expire then still stands in today's list. What expired meanwhile would be lost, though, so each digest also
  lists what expired since the last one that was told: on days without a digest (weekends, outages), and
  what was made or reinstated so late on the last one's day that it could not stand in it. `LOOK_BACK` bounds it.
- A past day is made by command only, once, as the list of that day.

A license that is renewed in time has another end and leaves the list by itself. Suspended and revoked
licenses are in no list: their end changes nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from notifications.domain.days import DAY, day_start, hour_of_day, local_day

LOOK_BACK: Final = 31 * DAY
WEEK_DAYS: Final = 7
MONTH_DAYS: Final = 30
INTERNAL: Final = "internal"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a digest is made: the hour on which days of the week (0 is Monday) in which zone."""

    hour: int
    zone: ZoneInfo
    weekdays: frozenset[int]

    def hour_on(self, day: date) -> datetime:
        return hour_of_day(day, self.hour, self.zone)


def due_day(schedule: Schedule, at: datetime, *, begins: datetime, done: date | None) -> date | None:
    """The day whose digest is to be made now; None when nothing is due.

    `begins` is when the digest was set up: an hour before that is not made up for. `done` is the last day
    that has its digest.
    """
    day = local_day(at, schedule.zone)
    if day.weekday() not in schedule.weekdays or (done is not None and done >= day):
        return None
    strikes = schedule.hour_on(day)
    return day if begins <= strikes <= at else None


def next_run_at(schedule: Schedule, at: datetime, *, begins: datetime, done: date | None) -> datetime | None:
    """When the next digest is made: `at` itself when one is due, None when no weekday is set."""
    if due_day(schedule, at, begins=begins, done=done) is not None:
        return at
    today = local_day(at, schedule.zone)
    hours = (schedule.hour_on(today + number * DAY) for number in range(2 * WEEK_DAYS))
    later = (hour for hour in hours if hour > at)
    return next((h for h in later if due_day(schedule, h, begins=begins, done=done) is not None), None)


# --- what is listed -------------------------------------------------------------------------------------


class Section(StrEnum):
    """Where a line stands, in the order of the mail."""

    SINCE = "since"  # expired since the last digest
    TODAY = "today"  # expires or expired on the day itself
    WEEK = "week"
    MONTH = "month"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Told:
    """The last digest that reached somebody: its day, and when it was made."""

    day: date
    at: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """The instants that a digest covers, half-open: from `first` to `until`.

    Of the day of the last digest (`reopened` to `since`) only licenses count that became what they are after
    `reopened_at`. `cut` says that there was more to look back on than `LOOK_BACK`.
    """

    day: date
    zone: ZoneInfo
    since: datetime
    today: datetime
    tomorrow: datetime
    until: datetime
    reopened: datetime | None = None
    reopened_at: datetime | None = None
    cut: bool = False
    edges: tuple[datetime, ...] = field(init=False)

    def __post_init__(self) -> None:
        week, month = (day_start(self.day + (n + 1) * DAY, self.zone) for n in (WEEK_DAYS, MONTH_DAYS))
        object.__setattr__(self, "edges", (self.today, self.tomorrow, week, month))

    @property
    def first(self) -> datetime:
        return self.since if self.reopened is None else self.reopened

    def section(self, expires_at: datetime) -> Section:
        return _SECTIONS[bisect_right(self.edges, expires_at)]

    def bounds(self, section: Section) -> tuple[datetime, datetime]:
        """The span of a section, half-open; empty when the days ahead do not reach it."""
        starts = (self.first, *self.edges, self.until)
        place = _SECTIONS.index(section)
        end = min(starts[place + 1], self.until)
        return min(starts[place], end), end

    def days_left(self, expires_at: datetime) -> int:
        """Days from the digest's day to that of the end: 0 on the day itself, negative when it is past."""
        return (local_day(expires_at, self.zone) - self.day).days


_SECTIONS: Final = tuple(Section)


def span_of(
    day: date, zone: ZoneInfo, *, days_ahead: int, begins: datetime, told: Told | None = None
) -> Span:
    """What the digest of a day covers: `days_ahead` days beyond it, and back to the last one told.

    Without one it looks back to the day on which it was set up (`begins`).
    """
    today = day_start(day, zone)
    since = day_start(local_day(begins, zone) if told is None else told.day + DAY, zone)
    earliest = day_start(day - LOOK_BACK, zone)
    reopened = None if told is None else day_start(told.day, zone)
    cut = since < earliest
    return Span(
        day=day,
        zone=zone,
        since=min(max(since, earliest), today),
        today=today,
        tomorrow=day_start(day + DAY, zone),
        until=day_start(day + (days_ahead + 1) * DAY, zone),
        reopened=None if cut else reopened,
        reopened_at=None if cut or told is None else told.at,
        cut=cut,
    )


# --- the list -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One license of the list. `creator` is a name for people; `days_left` counts days of the zone."""

    license_id: int
    public_id: str
    account_id: int
    account: str
    product: str
    plan: str
    kind: str
    internal: bool
    quantity: int
    creator: str
    created_at: datetime
    expires_at: datetime
    days_left: int
    section: Section

    @property
    def group(self) -> str:
        """The kind; internal licenses stand apart whatever their kind (D4)."""
        return INTERNAL if self.internal else self.kind


class Tally:
    """Counts every line and keeps the first of each part of the list: memory does not grow with the list."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.counts: dict[tuple[Section, str], int] = {}
        self.kept: dict[tuple[Section, str], list[Line]] = {}

    def add(self, line: Line) -> None:
        part = (line.section, line.group)
        count = self.counts.get(part, 0)
        self.counts[part] = count + 1
        if count < self.keep:
            self.kept.setdefault(part, []).append(line)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def of_section(self, section: Section) -> int:
        return sum(count for (where, _), count in self.counts.items() if where is section)

    @property
    def expired(self) -> int:
        """Lines whose end is today or was since the last digest."""
        return self.of_section(Section.TODAY) + self.of_section(Section.SINCE)

    def parts(self, groups: Sequence[str]) -> list[tuple[Section, str]]:
        """The parts that have lines, in the order of the mail: by time, then by the order of `groups`."""
        return [(where, group) for where in Section for group in groups if (where, group) in self.counts]

    def shown(self, groups: Sequence[str]) -> dict[tuple[Section, str], list[Line]]:
        """At most `keep` lines over all parts, each part with its share, in the order of the mail."""
        parts = self.parts(groups)
        shares = shared([self.counts[part] for part in parts], self.keep)
        return {part: self.kept[part][:share] for part, share in zip(parts, shares, strict=True)}


def shared(counts: Sequence[int], room: int) -> list[int]:
    """How many of each to show where `room` is for all: an equal share each, what is left to the first ones."""
    fair = room // len(counts) if counts else 0
    shares = [min(count, fair) for count in counts]
    left = room - sum(shares)
    for place, count in enumerate(counts):
        more = min(count - shares[place], left)
        shares[place] += more
        left -= more
    return shares
