"""How a trial fares (A19): a pure function of facts and time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum


class Engagement(StrEnum):
    """In the order of the funnel."""

    REQUESTED = "requested"
    STUCK = "stuck"
    ACTIVE = "active"
    DORMANT = "dormant"
    PILOT_READY = "pilot_ready"
    CONVERTED = "converted"
    LOST = "lost"
    EXPIRED = "expired"


class Outcome(StrEnum):
    """How a trial ended."""

    CONVERTED = "converted"
    EXPIRED = "expired"
    REVOKED = "revoked"
    LOST = "lost"


class Attention(StrEnum):
    """Why a person should look at a trial (A19); nothing for most."""

    NONE = ""
    STUCK = "stuck"
    DORMANT_PAID = "dormant_paid"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The settings of A19, by program."""

    stuck: timedelta = timedelta(hours=48)
    stuck_task: timedelta = timedelta(days=7)
    dormant: timedelta = timedelta(days=7)
    dormant_paid: timedelta = timedelta(days=30)
    ready_days: int = 5
    ready_window_days: int = 7


@dataclass(frozen=True, slots=True)
class TrialFacts:
    """What is known of a trial. `beat_days` are the days (UTC) with a heartbeat, as far back as matters."""

    started_at: datetime
    ends_at: datetime
    outcome: Outcome | None = None
    first_beat_at: datetime | None = None
    last_beat_at: datetime | None = None
    beat_days: frozenset[date] = frozenset()
    over_cap: bool = False

    @property
    def middle(self) -> datetime:
        return self.started_at + (self.ends_at - self.started_at) / 2


@dataclass(frozen=True, slots=True)
class State:
    """The engagement, and the next instant at which it or the need of a person changes if nothing is heard."""

    engagement: Engagement
    due_at: datetime | None = None


_ENDED = {
    Outcome.CONVERTED: Engagement.CONVERTED,
    Outcome.EXPIRED: Engagement.EXPIRED,
    Outcome.REVOKED: Engagement.LOST,
    Outcome.LOST: Engagement.LOST,
}


def engagement_of(facts: TrialFacts, now: datetime, limits: Thresholds) -> State:
    """The engagement at an instant (A19).

    Converted, lost and expired are how a trial ended. Before: without any heartbeat it is requested, and
    stuck after `limits.stuck`; silent for `limits.dormant` it is dormant; heard on `ready_days` of the last
    `ready_window_days`, over its cap, or active past its middle it is ready for a pilot; else active.
    """
    if facts.outcome is not None:
        return State(_ENDED[facts.outcome])
    if now >= facts.ends_at:
        return State(Engagement.EXPIRED)
    if facts.last_beat_at is None:
        return _unheard(facts, now, limits)
    return _heard(facts, facts.last_beat_at + limits.dormant, now, limits)


def _unheard(facts: TrialFacts, now: datetime, limits: Thresholds) -> State:
    stuck_at = facts.started_at + limits.stuck
    if now < stuck_at:
        return State(Engagement.REQUESTED, min(stuck_at, facts.ends_at))
    task_at = facts.started_at + limits.stuck_task
    return State(Engagement.STUCK, min(task_at, facts.ends_at) if now < task_at else facts.ends_at)


def _heard(facts: TrialFacts, dormant_at: datetime, now: datetime, limits: Thresholds) -> State:
    if now >= dormant_at:
        return State(Engagement.DORMANT, facts.ends_at)
    changes = [dormant_at, facts.ends_at]
    if is_ready(facts, now, limits):
        return State(Engagement.PILOT_READY, min([*changes, *_window_moves(facts, now)]))
    return State(Engagement.ACTIVE, min([*changes, facts.middle] if now < facts.middle else changes))


def is_ready(facts: TrialFacts, now: datetime, limits: Thresholds) -> bool:
    """Is it the moment to talk about a pilot? Asked of trials that are heard only."""
    if facts.over_cap or now >= facts.middle:
        return True
    return _heard_days(facts, now, limits) >= limits.ready_days


def _heard_days(facts: TrialFacts, now: datetime, limits: Thresholds) -> int:
    first = now.date() - timedelta(days=limits.ready_window_days - 1)
    return sum(first <= day <= now.date() for day in facts.beat_days)


def _window_moves(facts: TrialFacts, now: datetime) -> list[datetime]:
    """When the window of days moves on (midnight UTC) and readiness rests on it alone."""
    if facts.over_cap or now >= facts.middle:
        return []
    tomorrow = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), tzinfo=now.tzinfo)
    return [tomorrow]


def attention_of(facts: TrialFacts, now: datetime, limits: Thresholds) -> Attention:
    """Stuck so long that a person should look, while the trial runs (A19)."""
    state = engagement_of(facts, now, limits)
    is_long = state.engagement is Engagement.STUCK and now >= facts.started_at + limits.stuck_task
    return Attention.STUCK if is_long else Attention.NONE


@dataclass(frozen=True, slots=True)
class Paid:
    """What is known of a trial that led to a purchase: since when, what was heard, whether what was bought holds."""

    converted_at: datetime
    last_beat_at: datetime | None = None
    holds: bool = True


def attention_paid(facts: Paid, now: datetime, limits: Thresholds) -> tuple[Attention, datetime | None]:
    """A customer that was not heard for `limits.dormant_paid`, and when that is to be looked at again (A19).

    None: when something is heard, or never, for what was bought holds no more.
    """
    if not facts.holds:
        return Attention.NONE, None
    due_at = max(facts.converted_at, facts.last_beat_at or facts.converted_at) + limits.dormant_paid
    return (Attention.DORMANT_PAID, None) if now >= due_at else (Attention.NONE, due_at)
