"""The terms of a preset: as fields, and in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

COUNTED = {"days": "day", "seats": "seat", "nodes": "node", "machines": "machine", "collectors": "collector"}


def terms_in_words(terms: Mapping[str, Any]) -> str:
    """What differs from the plan, in a line: `30 days, 1 seat, 1 node`."""
    said = [_WORDS[name](value) if name in _WORDS else _counted(name, value) for name, value in terms.items()]
    return ", ".join(word for word in said if word) or "as the plan says"


def _counted(name: str, value: Any) -> str:
    if name not in COUNTED or type(value) is not int:
        return ""
    if value == 0:
        return f"unlimited {name}"
    return f"{value:,} {COUNTED[name] if value == 1 else name}"


_WORDS: dict[str, Callable[[Any], str]] = {
    "perpetual": lambda value: "perpetual" if value else "",
    "quantity": lambda value: f"count {value}",
    "entitlements": lambda value: ", ".join(value) or "no entitlements" if isinstance(value, Mapping) else "",
    "edition": lambda value: f"{value} edition",
    "warn_days": lambda value: f"{value} days of warning",
    "grace_days": lambda value: f"{value} days of grace",
    "prefer_online": lambda value: "prefers online validation" if value else "",
}
