"""First and last touch (A23): the first is never overwritten, the last is kept beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Touch:
    """One entry from a campaign, at an instant."""

    source: str
    medium: str
    campaign: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Attribution:
    """Where somebody first came from, and last."""

    first: Touch | None = None
    last: Touch | None = None


def attributed(known: Attribution, touches: Iterable[Touch]) -> Attribution:
    """What is known after more was heard of: in the order of their instants, whatever the order of hearing.

    A first touch that is known stays, even when an earlier one is heard of later.
    """
    first, last = known.first, known.last
    for touch in sorted(touches, key=lambda touch: touch.at):
        first = first or touch
        if last is None or touch.at >= last.at:
            last = touch
    return Attribution(first, last)


def joined(one: Attribution, other: Attribution) -> Attribution:
    """Of two people who are one: the earlier first and the later last."""
    firsts = [touch for touch in (one.first, other.first) if touch is not None]
    lasts = [touch for touch in (one.last, other.last) if touch is not None]
    return Attribution(
        min(firsts, key=lambda touch: touch.at, default=None),
        max(lasts, key=lambda touch: touch.at, default=None),
    )
