"""What the deployments of a person's licenses say, in one line of facts (A20)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

MOST_NODES = 2**31 - 1
"""What the column holds. Deployments say what they like, so their sum may be more."""
CAP_STATES = ("within", "quiet", "notice", "escalated")
"""How far an installation is over its node cap, the furthest last (A15)."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One installation as it was last seen."""

    last_seen_at: datetime
    version: str
    operating_system: str
    nodes: int
    cap_state: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Engagement of the newest trial; version and system of the installation seen last; all nodes; the furthest
    cap state. Nothing where no installation was ever seen.
    """

    engagement: str = ""
    last_seen_at: datetime | None = None
    version: str = ""
    operating_system: str = ""
    nodes: int | None = None
    cap_state: str = ""


def facts_of(engagement: str, sights: Sequence[Sight]) -> Facts:
    """The facts of a person from all installations of the person's licenses."""
    if not sights:
        return Facts(engagement)
    newest = max(sights, key=lambda sight: sight.last_seen_at)
    return Facts(
        engagement,
        newest.last_seen_at,
        newest.version,
        newest.operating_system,
        min(sum(sight.nodes for sight in sights), MOST_NODES),
        max((sight.cap_state for sight in sights), key=CAP_STATES.index),
    )
