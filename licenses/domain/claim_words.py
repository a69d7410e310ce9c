"""Claims as people read them, and what differs between two sets of them. Never raises, whatever is in there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from licenses.domain.instants import MAX_EPOCH, instant

Payload = Mapping[str, Any]
LONGEST: Final = 2000
DAY: Final = 86_400
OWN: Final = frozenset({"jti", "iat"})
"""Claims that no two keys share; a difference in them is none."""


@dataclass(frozen=True, slots=True)
class Line:
    """One claim in words. ``name`` is the short name in the key."""

    name: str
    label: str
    words: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One claim of two keys side by side; ``says`` tells the difference, empty where there is none."""

    name: str
    label: str
    before: str
    after: str
    says: str = ""


def claim_lines(payload: Payload) -> list[Line]:
    """Every claim in words, the known ones first and in their order."""
    return [Line(name, label, words(payload.get(name))) for name, label, words in _rows(payload)]


def claim_pairs(before: Payload, after: Payload) -> list[Pair]:
    """The claims of two keys side by side, with the difference of each in plain words."""
    return [
        Pair(
            name,
            label,
            words(before.get(name)),
            words(after.get(name)),
            _says(name, label, before, after, words),
        )
        for name, label, words in _rows({**before, **after})
    ]


Words = Callable[[Any], str]


def _rows(payload: Payload) -> list[tuple[str, str, Words]]:
    known = [(name, label, words) for name, label, words in _CLAIMS if name in payload or name in _ALWAYS]
    others = sorted(str(name) for name in payload.keys() - _NAMES - {"perpetual"})
    return [*known, *((name, name, _any) for name in others)]


def _says(name: str, label: str, before: Payload, after: Payload, words: Words) -> str:
    old, new = before.get(name), after.get(name)
    if name in OWN or words(old) == words(new):
        return ""
    if name == "ent":
        return _entitlement_changes(old, new)
    return f"{label}: {words(old)} → {words(new)}{_by_how_much(name, old, new)}."


def _by_how_much(name: str, old: Any, new: Any) -> str:
    if name in _INSTANTS and _is_instant(old) and _is_instant(new):
        days = abs(new - old) // DAY
        unit = "day" if days == 1 else "days"
        return f", {days:,} {unit} {'later' if new > old else 'earlier'}" if days else ""
    if name in _LIMITS and type(old) is int and type(new) is int and old and new:
        return f", {abs(new - old):,} {'more' if new > old else 'fewer'}"
    return ""


def _entitlement_changes(old: Any, new: Any) -> str:
    before = old if isinstance(old, Mapping) else {}
    after = new if isinstance(new, Mapping) else {}
    said = [f"{slug} added" for slug in after if slug not in before]
    said += [f"{slug} taken away" for slug in before if slug not in after]
    said += [
        f"{slug} from {_value(before[slug])} to {_value(after[slug])}"
        for slug in after
        if slug in before and before[slug] != after[slug]
    ]
    return f"Entitlements: {', '.join(said)}." if said else ""


# --- words --------------------------------------------------------------------------------------------


def _any(value: Any) -> str:
    if value is None:
        return "none"
    if value is True:
        return "yes"
    if value is False:
        return "no"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _is_instant(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_EPOCH


def _at(value: Any) -> str:
    return f"{instant(value):%Y-%m-%d %H:%M} UTC" if _is_instant(value) else _any(value)


def _end(value: Any) -> str:
    return "never" if value is None else _at(value)


def _limit(value: Any) -> str:
    if value is None or (value == 0 and type(value) is int):
        return "unlimited"
    return f"{value:,}" if type(value) is int else _any(value)


def _count(value: Any) -> str:
    return "1" if value is None else _limit(value)


def _days(value: Any) -> str:
    return f"{value:,} days" if type(value) is int else _any(value)


def _entitlements(value: Any) -> str:
    if not isinstance(value, Mapping):
        return _any(value)
    words = [str(slug) if each is True else f"{slug} = {_value(each)}" for slug, each in value.items()]
    return ", ".join(words)[:LONGEST] or "none"


def _value(value: Any) -> str:
    """Of an entitlement; one with its own end says it."""
    if isinstance(value, Mapping) and value.keys() == {"value", "exp"}:
        return f"{_any(value['value'])} until {_at(value['exp'])}"
    return _any(value)


def _machine(value: Any) -> str:
    return "no machine" if value is None else f"SHA-256 {_any(value)}"


def _online(value: Any) -> str:
    if not isinstance(value, Mapping):
        return "not preferred" if value is None else _any(value)
    where = f" at {_any(value['url'])}" if "url" in value else ""
    return f"{'preferred' if value.get('prefer') else 'possible'}{where}"


_CLAIMS: Final[tuple[tuple[str, str, Words], ...]] = (
    ("kind", "Kind", _any),
    ("edition", "Edition", _any),
    ("plan", "Plan", _any),
    ("nbf", "Starts", _at),
    ("exp", "Ends", _end),
    ("quantity", "Count", _count),
    ("seats", "Seats", _limit),
    ("nodes", "Nodes", _limit),
    ("machines", "Machines", _limit),
    ("collectors", "Collectors", _limit),
    ("ent", "Entitlements", _entitlements),
    ("warn", "Warns before the end", _days),
    ("grace", "Grace after the end", _days),
    ("fp", "Bound to", _machine),
    ("online", "Online validation", _online),
    ("iss", "Issuer", _any),
    ("sub", "Customer", _any),
    ("aud", "Product", _any),
    ("lic", "License", _any),
    ("jti", "Key (jti)", _any),
    ("iat", "Signed", _at),
    ("ver", "Version of the claims", _any),
)
_NAMES: Final = frozenset(name for name, _, _ in _CLAIMS)
_ALWAYS: Final = frozenset({"exp", "machines", "collectors", "quantity", "fp", "online"})
"""Claims that are left out of a key when they say nothing, and are worth reading all the same."""
_INSTANTS: Final = frozenset({"nbf", "exp"})
_LIMITS: Final = frozenset({"quantity", "seats", "nodes", "machines", "collectors", "warn", "grace"})
