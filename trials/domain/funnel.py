"""The funnel (A28): from visits to conversions, by source and period. No stage counts a row that does not exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Stage(StrEnum):
    """In their order. Each is reached by rows of its own; a later one is no reason to count an earlier one."""

    VISITS = "visits"
    REQUESTS = "requests"
    ISSUED = "issued"
    INSTALLED = "installed"
    ACTIVE = "active"
    PILOT_READY = "pilot_ready"
    CONVERTED = "converted"


Key = tuple[str, str, str]


@dataclass(slots=True)
class Line:
    """The counts of one source, medium and campaign."""

    source: str
    medium: str
    campaign: str
    counts: dict[Stage, int] = field(default_factory=lambda: dict.fromkeys(Stage, 0))

    @property
    def key(self) -> Key:
        return self.source, self.medium, self.campaign

    @property
    def name(self) -> str:
        return " / ".join(part for part in (self.source, self.medium, self.campaign) if part) or "direct"


def lines(found: Iterable[tuple[Stage, Key, int]]) -> list[Line]:
    """Counts joined into lines, the largest first."""
    joined: dict[Key, Line] = {}
    for stage, key, count in found:
        joined.setdefault(key, Line(*key)).counts[stage] += count
    return sorted(joined.values(), key=lambda line: [-line.counts[stage] for stage in Stage] + [line.name])


def totals(rows: Iterable[Line]) -> dict[Stage, int]:
    """The sum of every stage."""
    found = dict.fromkeys(Stage, 0)
    for row in rows:
        for stage in Stage:
            found[stage] += row.counts[stage]
    return found


def share(counts: Mapping[Stage, int], stage: Stage) -> float | None:
    """What part of the stage before reached this one; None for the first and where nobody was."""
    order = list(Stage)
    place = order.index(stage)
    before = counts[order[place - 1]] if place else 0
    return counts[stage] / before if before else None
