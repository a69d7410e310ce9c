"""Trial mail as rules (A25): which step is due for a trial at an instant, and why one is not sent.

A step is due some hours before or after an anchor of the trial, moved into its hours of the day. From then on
it is a window, not an instant: a run that was missed sends what is still in its window. Of several steps that
are due together only the latest is sent; the earlier ones are overtaken. What carries the license is never
overtaken: the trial hangs on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Anchor(StrEnum):
    """What a step counts from."""

    STARTED = "started"
    MIDDLE = "middle"
    ENDS = "ends"


class Condition(StrEnum):
    """Whether a step makes sense for how the trial fares when it is due."""

    ALWAYS = "always"
    NO_BEAT = "no_beat"
    SILENT = "silent"
    ACTIVE = "active"
    RUNNING = "running"
    ENDED = "ended"


class Verdict(StrEnum):
    """What becomes of a step now."""

    WAIT = "wait"
    SEND = "send"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Step:
    """One mail of the course; hours are local to `zone`, `hour_to` may be 24. `vital` steps are never overtaken."""

    slug: str
    anchor: Anchor
    offset: timedelta
    window: timedelta
    condition: Condition
    hour_from: int
    hour_to: int
    zone: ZoneInfo
    vital: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """What is known of a trial. `outcome` is empty while it runs; `silenced` says the recipient unsubscribed."""

    started_at: datetime
    middle_at: datetime
    ends_at: datetime
    outcome: str = ""
    engagement: str = "requested"
    heard: bool = False
    silenced: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """A step, when it is due, what becomes of it at this instant, and the reason in one word."""

    step: Step
    due_at: datetime
    verdict: Verdict
    reason: str = ""


_STOPS = {"converted": "converted", "revoked": "revoked", "lost": "ended"}


def due_at(step: Step, course: Course) -> datetime:
    """The first instant in the step's hours at or after its anchor and offset."""
    anchors = {
        Anchor.STARTED: course.started_at,
        Anchor.MIDDLE: course.middle_at,
        Anchor.ENDS: course.ends_at,
    }
    raw = anchors[step.anchor] + step.offset
    local = raw.astimezone(step.zone)
    if step.hour_from <= local.hour < step.hour_to:
        return raw
    day = local.date() + timedelta(days=1 if local.hour >= step.hour_to else 0)
    opens = datetime(day.year, day.month, day.day, step.hour_from, tzinfo=step.zone)
    # A wall time that does not exist on this day (the clock is put forward) is read as the hour after it.
    return max(opens.astimezone(raw.tzinfo), raw)


def decide(steps: Iterable[Step], course: Course, done: Collection[str], now: datetime) -> Iterator[Decision]:
    """What becomes of every step that is not done, in the order in which they are due."""
    waiting = sorted(
        ((due_at(step, course), step) for step in steps if step.slug not in done), key=lambda item: item[0]
    )
    judged = [(when, step, _judge(step, when, course, now)) for when, step in waiting]
    sendable = [place for place, (_, step, reason) in enumerate(judged) if reason == "" and not step.vital]
    for place, (when, step, reason) in enumerate(judged):
        if reason == "wait":
            yield Decision(step, when, Verdict.WAIT)
        elif reason:
            yield Decision(step, when, Verdict.SKIP, reason)
        elif not step.vital and place != sendable[-1]:
            yield Decision(step, when, Verdict.SKIP, "overtaken")
        else:
            yield Decision(step, when, Verdict.SEND)


def _judge(step: Step, when: datetime, course: Course, now: datetime) -> str:
    """`wait`, the reason to skip, or nothing when the step may be sent."""
    if course.outcome in _STOPS:
        return _STOPS[course.outcome]
    if now < when:  # who unsubscribed may come back before it is due
        return "wait"
    if course.silenced and not step.vital:
        return "unsubscribed"
    if now >= when + step.window:
        return "missed"
    return "" if holds(step.condition, course, now) else "condition"


def holds(condition: Condition, course: Course, now: datetime) -> bool:
    """Does the step make sense at this instant?"""
    ended = course.outcome == "expired" or now >= course.ends_at
    return {
        Condition.ALWAYS: True,
        Condition.NO_BEAT: not course.heard and not ended,
        Condition.SILENT: course.engagement in {"stuck", "dormant"},
        Condition.ACTIVE: course.engagement in {"active", "pilot_ready"},
        Condition.RUNNING: not ended,
        Condition.ENDED: ended,
    }[condition]
