"""Notices to customers as rules: which step of the policy is due for a license, and what it says.

A step is a number of days around the day of the end: -30 is thirty days before it, 0 the day itself, 7 a week
after. It is due from the policy's hour on its day, and then it is a window, not a day: what an outage kept
back is sent late as long as it still makes sense. It no longer does when

- the next step is due: then only that one is sent, and the earlier one never;
- it speaks of days before the end, and the day of the end is over;
- it is more than `LATE` old: "in 30 days" is not said ten days late, nor to everybody on the day on which
  notices are switched on;
- the end that it speaks of was set after its hour: a license of 14 days, or renewed for 14 days, is not
  announced to end "in 14 days" on its first morning.

A notice is named by license, day of the end and step. A renewal sets another end, so that the steps begin
anew; the same end is announced once a step, however often the sweep runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from licenses.domain.enums import Posture
from licenses.domain.terms import Terms, phase
from notifications.domain.days import DAY, day_start, hour_of_day, local_day

LATE: Final = 7 * DAY
FURTHEST: Final = 365
MOST_STEPS: Final = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a policy in order, and the hour and zone in which they are due."""

    steps: tuple[int, ...]
    hour: int
    zone: ZoneInfo

    @classmethod
    def of(cls, *, before: Sequence[int], after: Sequence[int], hour: int, zone: ZoneInfo) -> Plan:
        """A plan of days before (0 is the day itself) and days after the end."""
        return cls(tuple(sorted({-n for n in before} | set(after))), hour, zone)

    def due_at(self, ends_on: date, step: int) -> datetime:
        return hour_of_day(ends_on + step * DAY, self.hour, self.zone)


@dataclass(frozen=True, slots=True)
class Batch:
    """Licenses that end on one day, for which one step is due; the day as a half-open span of instants."""

    ends_on: date
    step: int
    due_at: datetime
    first: datetime
    until: datetime


def batches(plan: Plan, at: datetime) -> Iterator[Batch]:
    """Every day of an end for which a step is due at an instant, with that step: never two for a day.

    What ends soonest comes first.
    """
    today = local_day(at, plan.zone)
    struck = today if hour_of_day(today, plan.hour, plan.zone) <= at else today - DAY
    # The step -30 is due for ends up to 30 days after `struck`, and overtaken where -14 is due too.
    for number, step in enumerate(reversed(plan.steps)):
        last = struck - step * DAY
        late = last - LATE
        overtaken = struck - plan.steps[-number] * DAY if number else late - DAY
        ends_on = max(late, overtaken + DAY, today if step < 0 else late)
        while ends_on <= last:
            yield _batch(plan, ends_on, step)
            ends_on += DAY


def _batch(plan: Plan, ends_on: date, step: int) -> Batch:
    return Batch(
        ends_on=ends_on,
        step=step,
        due_at=plan.due_at(ends_on, step),
        first=day_start(ends_on, plan.zone),
        until=day_start(ends_on + DAY, plan.zone),
    )


def batch_due(plan: Plan, expires_at: datetime, at: datetime, *, end_set_at: datetime) -> Batch | None:
    """What is due for an end at an instant; `end_set_at` is when the license got this end."""
    ends_on = local_day(expires_at, plan.zone)
    found = (batch for batch in batches(plan, at) if batch.ends_on == ends_on)
    return next((batch for batch in found if end_set_at <= batch.due_at), None)


# --- what a notice says -----------------------------------------------------------------------------------


class Tense(StrEnum):
    """How a notice speaks of the end."""

    IN_DAYS = "in_days"
    TOMORROW = "tomorrow"
    TODAY = "today"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Words:
    """What a notice says of a license at the instant of sending.

    `days` counts from today to the day of the end, or back to it. `writes_end_at` is when protected writes
    stop, the end of grace; `over` says that it is past.
    """

    tense: Tense
    days: int
    ended: bool
    has_grace: bool
    writes_end_at: datetime
    over: bool


def words(terms: Terms, zone: ZoneInfo, at: datetime) -> Words:
    """The words for a license that ends. Raises ValueError for a perpetual one: there is nothing to say."""
    if terms.expires_at is None or terms.ends_at is None:
        raise ValueError("a perpetual license has no end to speak of")
    days = (local_day(terms.expires_at, zone) - local_day(at, zone)).days
    return Words(
        tense=_tense(days),
        days=abs(days),
        ended=at >= terms.expires_at,
        has_grace=terms.grace_days > 0,
        writes_end_at=terms.ends_at,
        over=phase(terms, at) is Posture.READ_ONLY,
    )


def _tense(days: int) -> Tense:
    if days < 0:
        return Tense.EXPIRED
    return {0: Tense.TODAY, 1: Tense.TOMORROW}.get(days, Tense.IN_DAYS)
