"""From what we know to what is sent: values in the form that a field over there takes, and their hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

from crm.domain.sync.fields import BY_NAME, IDENTITY, Field, FieldType, Mapped, ObjectKind, Rule, Target

LONGEST_TEXT = 10_000
TASK_STATUS = {
    "open": ("TODO", "NOT_STARTED"),
    "in_progress": ("IN_PROGRESS",),
    "done": ("DONE", "COMPLETED"),
    "dropped": ("DONE", "DEFERRED", "COMPLETED"),
}
"""Our status → what it may be called there, the best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One of our objects as it is now. `values` by our names; `links` name other objects by their ids over there."""

    kind: ObjectKind
    object_id: int
    uid: str
    identity: str
    values: Mapping[str, Any]
    links: Mapping[str, str] = field(default_factory=dict)


class Decision(Enum):
    SEND = "send"
    KEEP = "keep"
    TAKE = "take"
    CONFLICT = "conflict"


def wanted(facts: Facts, mapped: Mapped) -> dict[str, Any]:
    """Our name → the value as their field takes it, of everything that is mapped and may be sent."""
    found = {}
    for name, target in mapped.items():
        if not target.to or (target.rule is Rule.NEVER and name != IDENTITY.get(facts.kind)):
            continue
        value = as_theirs(facts.kind, name, facts.values.get(name), target)
        if value is not None:
            found[name] = value
    return found


def digest(facts: Facts, mapped: Mapped) -> str:
    """The hash by which a change is seen: of the values, where they go, and the links."""
    sent = wanted(facts, mapped)
    document = {
        "values": {mapped[name].to: value for name, value in sent.items()},
        "links": dict(facts.links),
        "identity": facts.identity,
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def as_theirs(kind: ObjectKind, name: str, value: Any, target: Target) -> Any:
    """One value as their field takes it; None for what it cannot hold. Nothing of ours is an empty text there."""
    if value is None or value == "":
        return "" if target.type in {FieldType.TEXT, FieldType.CHOICE} else None
    if target.type is FieldType.CHOICE:
        return _choice(kind, name, str(value), target.options)
    return _WRITERS[target.type](value)


def _choice(kind: ObjectKind, name: str, value: str, options: tuple[str, ...]) -> str | None:
    """The option that says the same; None when there is none, so that the record is not refused for it."""
    called = TASK_STATUS.get(value, ()) if (kind, name) == (ObjectKind.TASK, "status") else ()
    plain = {_plain(option): option for option in options}
    return next((plain[_plain(word)] for word in (*called, value) if _plain(word) in plain), None)


def _plain(word: str) -> str:
    return "".join(c for c in word.lower() if c.isalnum())


def status_read(value: Any) -> str | None:
    """Which status of ours theirs is; None for what says nothing to us."""
    plain = _plain(str(value))
    return next(
        (ours for ours, called in TASK_STATUS.items() if plain in {_plain(word) for word in (*called, ours)}),
        None,
    )


def _plain_number(value: Any) -> Any:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _flag(value: Any) -> Any:
    return value if isinstance(value, bool) else None


def _date(value: Any) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).date().isoformat()
    return value.isoformat() if isinstance(value, date) else None


def _instant(value: Any) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return f"{value.isoformat()}T12:00:00.000Z" if isinstance(value, date) else None


def _text(value: Any) -> str:
    if isinstance(value, (datetime, date)):
        return str(_instant(value) if isinstance(value, datetime) else _date(value))
    text = str(value).encode("utf-8", "replace").decode()
    return text.replace("\x00", "")[:LONGEST_TEXT]


_WRITERS: dict[FieldType, Callable[[Any], Any]] = {
    FieldType.NUMBER: _plain_number,
    FieldType.FLAG: _flag,
    FieldType.DATE: _date,
    FieldType.INSTANT: _instant,
    FieldType.TEXT: _text,
}


# --- who wins -----------------------------------------------------------------------------------------


def decide(kind: ObjectKind, name: str, rule: Rule, *, ours: Any, sent: Any, theirs: Any) -> Decision:
    """What to do about one field. `sent` is what both sides held when they last agreed; None: they never did.

    Facts of ours just follow their rule, but for those that people type over there all the same.
    Where people type on both sides, the side that did not change since gives way; where both did, or where they
    never agreed and ours would have to win, a person decides.
    """
    if same(ours, theirs) or (rule is Rule.NEVER and name != IDENTITY.get(kind)):
        return Decision.KEEP
    if not BY_NAME[kind, name].editable:
        return _of_fact(BY_NAME[kind, name], rule, ours, sent, theirs)
    if sent is None:
        return _first_meeting(rule, ours, theirs)
    if same(theirs, sent):  # ours changed
        return Decision.SEND if rule is Rule.ALWAYS or empty(theirs) else Decision.KEEP
    only_theirs = same(ours, sent) and rule is not Rule.ALWAYS and not empty(theirs)
    return Decision.TAKE if only_theirs else Decision.CONFLICT


def _of_fact(field: Field, rule: Rule, ours: Any, sent: Any, theirs: Any) -> Decision:
    typed_there = field.shared and sent is not None and not same(theirs, sent)
    if typed_there and field.followed and same(ours, sent) and not empty(theirs):
        return Decision.TAKE
    if rule is Rule.IF_EMPTY:
        return Decision.SEND if empty(theirs) else Decision.KEEP
    return Decision.CONFLICT if typed_there else Decision.SEND


def _first_meeting(rule: Rule, ours: Any, theirs: Any) -> Decision:
    if empty(theirs):
        return Decision.SEND
    if empty(ours):
        return Decision.TAKE
    return Decision.CONFLICT if rule is Rule.ALWAYS else Decision.KEEP


def empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def same(one: Any, other: Any) -> bool:
    """Whether two values say the same, however each side writes it: 3 and "3", with and without milliseconds, whatever
    its lines end with.
    """
    if empty(one) or empty(other):
        return empty(one) and empty(other)
    return _spelling(one) == _spelling(other)


def _spelling(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value).strip()
    number = _number(text)
    if number is not None:
        return number
    instant = _read_instant(text)
    if instant is not None:
        return instant
    return " ".join(text.rstrip("/").removeprefix("https://").removeprefix("http://").split())


def _number(text: str) -> str | None:
    """`3`, `3.0` and `3` as text are one; a phone number with its zeros stays a text."""
    plain = text.removesuffix(".0")
    return plain if plain.isascii() and plain.isdigit() and not plain.startswith("0") else None


def _read_instant(text: str) -> str | None:
    if len(text) < 10 or text[4:5] != "-":  # noqa: PLR2004 - YYYY-MM-DD
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found.astimezone(UTC).replace(microsecond=0).isoformat()
