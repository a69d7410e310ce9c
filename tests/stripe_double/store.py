"""One Stripe account's objects, its events, and the clock of the whole double.

Objects are kept as Stripe returns them. A name with a leading underscore is ours: it is left out of every
answer, and where it carries the name of a field that Stripe includes on request, `expand` shows it.
"""

from __future__ import annotations

import copy
import hashlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.stripe_double.refusals import Refused, invalid, missing

API_VERSION = "2026-10-28.endive"
DEPTH = 4
Shape = dict[str, Any]


@dataclass
class Clock:
    """Seconds since the epoch: real, moved by so much, or standing."""

    offset: float = 0.0
    standing: int | None = None

    def now(self) -> int:
        return self.standing if self.standing is not None else int(time.time() + self.offset)

    def stand(self, at: int) -> None:
        self.standing = at

    def advance(self, seconds: int) -> None:
        if self.standing is not None:
            self.standing += seconds
        self.offset += seconds


@dataclass
class Store:
    """The objects of one account, by kind and id, the oldest first."""

    key: str
    clock: Clock
    tables: dict[str, dict[str, Shape]] = field(default_factory=dict)
    answers: dict[str, Shape] = field(default_factory=dict)  # by idempotency key

    @property
    def account(self) -> str:
        return "acct_" + hashlib.sha256(self.key.encode()).hexdigest()[:16]

    @property
    def livemode(self) -> bool:
        return "_live_" in self.key

    def new_id(self, prefix: str) -> str:
        mode = "live_" if self.livemode else "test_"
        return f"{prefix}_{mode if prefix in {'cs', 'bps'} else ''}{secrets.token_hex(12)}"

    def add(self, prefix: str, kind: str, fields: Shape) -> Shape:
        """Keep a new object. `fields` may bring its id."""
        shape = {
            "id": fields.get("id") or self.new_id(prefix),
            "object": kind,
            "created": self.clock.now(),
            "livemode": self.livemode,
            "metadata": {},
            **{name: value for name, value in fields.items() if name != "id"},
        }
        self.tables.setdefault(kind, {})[shape["id"]] = shape
        return shape

    def get(self, kind: str, name: str, param: str = "id") -> Shape:
        shape = self.tables.get(kind, {}).get(name)
        if shape is None:
            raise missing(kind, name, param)
        return shape

    def find(self, name: str) -> Shape | None:
        """Whatever has this id."""
        return next((table[name] for table in self.tables.values() if name in table), None)

    def all(self, kind: str, **having: Any) -> Iterator[Shape]:
        """The newest first."""
        for shape in reversed([*self.tables.get(kind, {}).values()]):
            if all(shape.get(name) == value for name, value in having.items()):
                yield shape

    def emit(self, kind: str, shape: Shape, previous: Shape | None = None) -> Shape:
        """Note an event with the object as it is now."""
        data: Shape = {"object": self.shown(shape)}
        if previous:
            data["previous_attributes"] = previous
        event = self.add(
            "evt",
            "event",
            {
                "api_version": API_VERSION,
                "data": data,
                "pending_webhooks": 0,
                "request": {"id": None, "idempotency_key": None},
                "type": kind,
            },
        )
        del event["metadata"]
        return event

    # --- what is shown ----------------------------------------------------------------------------

    def shown(self, shape: Shape, expand: list[str] | None = None) -> Shape:
        """An object as an answer gives it, with the named references in full. Raises Refused (400)."""
        answer = self._public(shape)
        for path in expand or []:
            steps = path.split(".")
            if len(steps) > DEPTH:
                raise invalid(f"You cannot expand more than {DEPTH} levels of a property. Property: {path}")
            self._expand(answer, shape, steps)
        return answer

    def listed(self, rows: list[Shape], url: str, *, more: bool, expand: list[str] | None = None) -> Shape:
        """A page of a list; paths of `expand` begin with `data`."""
        wrong = [path for path in expand or [] if not path.startswith("data.")]
        if wrong:
            raise invalid(f"This property cannot be expanded ({wrong[0]}).")
        if any(len(path.split(".")) > DEPTH for path in expand or []):
            raise invalid(f"You cannot expand more than {DEPTH} levels of a property.")
        inner = [path.removeprefix("data.") for path in expand or []]
        return {
            "object": "list",
            "data": [self.shown(row, inner) for row in rows],
            "has_more": more,
            "url": url,
        }

    def _public(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._public(entry) for entry in value]
        if not isinstance(value, dict):
            return copy.copy(value)
        shape = {name: self._public(child) for name, child in value.items() if not name.startswith("_")}
        if "_price" in value:  # always given in full
            shape["price"] = self._public(self.get("price", value["_price"]))
        return shape

    def _expand(self, answer: Shape, shape: Shape | None, steps: list[str]) -> None:
        name, rest = steps[0], steps[1:]
        hidden = (shape or {}).get("_" + name)
        value = self._public(hidden) if hidden is not None else answer.get(name)
        origin: Shape | None = None
        if isinstance(value, str):
            origin = self.find(value)
            if origin is None:
                raise invalid(f"This property cannot be expanded ({name}).")
            value = self._public(origin)
        elif value is None and name not in answer:
            raise invalid(f"This property cannot be expanded ({name}).")
        answer[name] = value
        if rest and isinstance(value, dict):
            self._expand_below(value, origin, rest)

    def _expand_below(self, value: Shape, origin: Shape | None, rest: list[str]) -> None:
        if rest[0] == "data" and isinstance(value.get("data"), list):
            for row in value["data"] if rest[1:] else []:
                self._expand(row, self.find(row.get("id", "")), rest[1:])
        else:
            self._expand(value, origin, rest)


def merged(shape: Shape, given: Shape) -> None:
    """Metadata as Stripe merges them: an empty text unsets a key, an empty map all of them."""
    if given.get("metadata") == "":
        shape["metadata"] = {}
    elif isinstance(given.get("metadata"), dict):
        both = {**shape.get("metadata", {}), **given["metadata"]}
        shape["metadata"] = {name: text for name, text in both.items() if text != ""}


def unknown(what: str) -> Refused:
    """For what Stripe can do and the double does not: never answered as if it had been done."""
    return Refused(501, f"The double does not know {what}.", code="double_unknown", kind="api_error")
