"""Node caps (A14, A15): overage is a signal that grows with time, never a block.

It does not change posture and fails no validation. A cap of 0 or None means no limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from licenses.domain.enums import NodeCapState

_ORDER: Final = tuple(NodeCapState)


@dataclass(frozen=True, slots=True)
class NodeCapWindows:
    """Days since the cap was first exceeded: quiet before ``quiet_days``, notice before ``notice_days``."""

    quiet_days: int = 7
    notice_days: int = 30

    def __post_init__(self) -> None:
        if not 0 <= self.quiet_days <= self.notice_days:
            raise ValueError("windows follow each other: 0 <= quiet_days <= notice_days")


DEFAULT_WINDOWS: Final = NodeCapWindows()


@dataclass(frozen=True, slots=True)
class Episode:
    """A spell over the cap; ``state`` is the furthest it has come, ``ended_at`` None while it lasts."""

    started_at: datetime
    state: NodeCapState = NodeCapState.QUIET
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What one observation does.

    ``episode`` is the one that now stands (ended when ``ended``), None when none ever was. ``steps_up``
    are the states newly reached, lowest first: each is worth one task and one message (A16); a missed
    run reaches several at once. ``changes_at`` is when the state next rises by time alone.
    """

    state: NodeCapState
    episode: Episode | None
    steps_up: tuple[NodeCapState, ...] = ()
    started: bool = False
    ended: bool = False
    changes_at: datetime | None = None


def effective_cap(license_cap: int | None, operator_cap: int | None) -> int:
    """The smaller of both caps (A14): the operator may tighten the license's cap, never loosen it."""
    caps = [cap for cap in (license_cap, operator_cap) if cap]
    return min(caps, default=0)


def is_over(nodes: int, cap: int) -> bool:
    return cap > 0 and nodes > cap


def over_cap_state(
    nodes: int,
    cap: int,
    first_over_at: datetime | None,
    now: datetime,
    windows: NodeCapWindows = DEFAULT_WINDOWS,
) -> NodeCapState:
    """State by the time since the cap was first exceeded (A15); None is "just now"."""
    if not is_over(nodes, cap):
        return NodeCapState.WITHIN
    return _by_age(now if first_over_at is None else first_over_at, now, windows)


def _by_age(started_at: datetime, now: datetime, windows: NodeCapWindows) -> NodeCapState:
    age = now - started_at
    if age < timedelta(days=windows.quiet_days):
        return NodeCapState.QUIET
    return NodeCapState.NOTICE if age < timedelta(days=windows.notice_days) else NodeCapState.ESCALATED


def next_rise_at(
    started_at: datetime, now: datetime, windows: NodeCapWindows = DEFAULT_WINDOWS
) -> datetime | None:
    """The next instant at which an episode that lasts rises by a state; None once it is escalated."""
    for days in (windows.quiet_days, windows.notice_days):
        boundary = started_at + timedelta(days=days)
        if now < boundary:
            return boundary
    return None


def observe(
    current: Episode | None,
    *,
    nodes: int,
    cap: int,
    now: datetime,
    windows: NodeCapWindows = DEFAULT_WINDOWS,
) -> Step:
    """Carry an episode over one observation of ``nodes`` (A15, A16).

    The first observation above the cap starts one; a return to the cap (or a cap raised above the count)
    ends it; a later overage starts another. Within an episode the state never falls, also when the
    clock does. Observing the same again changes nothing.
    """
    lasting = current if current is not None and current.ended_at is None else None
    if not is_over(nodes, cap):
        if lasting is None:
            return Step(NodeCapState.WITHIN, current)
        ended = Episode(lasting.started_at, lasting.state, max(now, lasting.started_at))
        return Step(NodeCapState.WITHIN, ended, ended=True)
    started_at = now if lasting is None else lasting.started_at
    before = NodeCapState.WITHIN if lasting is None else lasting.state
    state = max(before, _by_age(started_at, now, windows), key=_ORDER.index)
    return Step(
        state,
        Episode(started_at, state),
        steps_up=_ORDER[_ORDER.index(before) + 1 : _ORDER.index(state) + 1],
        started=lasting is None,
        changes_at=next_rise_at(started_at, now, windows),
    )
