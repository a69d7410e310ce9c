"""What Stripe is to be told of the catalogue: differences between what we sell and what stands there (E33)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class What(StrEnum):
    """What of an offer or coupon stands at Stripe."""

    PRODUCT = "product"
    PRICE = "price"
    COUPON = "coupon"
    PROMOTION_CODE = "promotion code"


class Do(StrEnum):
    """What is done about a difference.

    replace: Stripe never changes it, so a new one takes over. skipped: it cannot stand at Stripe, and is not
    needed there. refused: Stripe says no.
    """

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    ARCHIVE = "archive"
    SKIPPED = "skipped"
    REFUSED = "refused"


CHANGING = frozenset({Do.CREATE, Do.UPDATE, Do.REPLACE, Do.ARCHIVE})
"""What changes something at Stripe."""
SIGNS = {Do.CREATE: "+", Do.UPDATE: "~", Do.REPLACE: "±", Do.ARCHIVE: "-", Do.SKIPPED: "·", Do.REFUSED: "!"}


@dataclass(frozen=True, slots=True)
class Change:
    """A field that differs. `before` is what stands at Stripe, None for nothing."""

    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.field}: {shown(self.after)}"
        return f"{self.field}: {shown(self.before)} -> {shown(self.after)}"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, or done, at Stripe. `name` is an offer's slug or a coupon's code."""

    do: Do
    what: What
    name: str
    changes: tuple[Change, ...] = ()
    reason: str = ""

    @property
    def changing(self) -> bool:
        return self.do in CHANGING

    @property
    def line(self) -> str:
        """The step in one line, for people."""
        told = "; ".join(str(change) for change in self.changes) or self.reason
        return f"{SIGNS[self.do]} {self.do} {self.what} {self.name}" + (f" ({told})" if told else "")

    def as_json(self) -> dict[str, Any]:
        changes = [{"field": c.field, "before": c.before, "after": c.after} for c in self.changes]
        return {
            "do": str(self.do),
            "what": str(self.what),
            "name": self.name,
            "changes": changes,
            "reason": self.reason,
        }


def shown(value: Any) -> str:
    """A value for people."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={shown(inner)}" for name, inner in value.items()) or "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "nothing" if is_nothing(value) else str(value)


def is_nothing(value: Any) -> bool:
    return value is None or value == ""


def changes_between(found: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> tuple[Change, ...]:
    """The fields of `wanted` that differ from what was found; all of them when nothing was."""
    if found is None:
        return tuple(Change(name, None, value) for name, value in wanted.items() if not is_nothing(value))
    differing = [name for name, value in wanted.items() if found.get(name) != value]
    return tuple(Change(name, found.get(name), wanted[name]) for name in differing)


def counts(steps: Iterable[Step]) -> dict[str, int]:
    """How many steps of each kind, those that occur."""
    numbers: dict[str, int] = {}
    for step in steps:
        numbers[str(step.do)] = numbers.get(str(step.do), 0) + 1
    return numbers
