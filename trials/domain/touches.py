"""Where somebody came from (A23): source, medium and campaign at first entry, and at the last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

LONGEST = 60


@dataclass(frozen=True, slots=True)
class Touch:
    """One entry to the site. Texts of outsiders: cut, printable, kept as they are otherwise."""

    source: str = ""
    medium: str = ""
    campaign: str = ""
    at: datetime | None = None

    def to_dict(self) -> dict[str, str]:
        """As it is kept; empty when nothing is known."""
        found = {"source": self.source, "medium": self.medium, "campaign": self.campaign}
        if self.at is not None:
            found["at"] = self.at.isoformat()
        return {name: value for name, value in found.items() if value}

    def __bool__(self) -> bool:
        return bool(self.source or self.medium or self.campaign)


def read_touch(given: Mapping[str, Any], at: datetime | None = None) -> Touch:
    """From a mapping with `source`, `medium`, `campaign`, or the `utm_` names of a link."""
    source, medium, campaign = (
        clean(given.get(name) or given.get(f"utm_{name}")) for name in ("source", "medium", "campaign")
    )
    return Touch(source, medium, campaign, at)


def clean(value: Any) -> str:
    """One short printable line of what a link carried; nothing for anything but text."""
    if not isinstance(value, str):
        return ""
    return "".join(character for character in value.strip() if character.isprintable())[:LONGEST].strip()
