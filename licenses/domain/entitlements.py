"""Valued entitlements: what a license grants, by slug.

A map of slug to ``true``, a finite number, a text, or ``{"value": …, "exp": epoch seconds}`` for a value
with its own end. A plain list of slugs is accepted and means ``true`` for each. ``false`` may be written to
say that something is withheld; it never counts as granted. Nothing is implied by anything else (C7).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, TypeAlias, TypedDict, TypeGuard

from licenses.domain.errors import DomainError
from licenses.domain.instants import MAX_EPOCH
from licenses.domain.wire import json_dump

Value: TypeAlias = bool | int | float | str


class Timed(TypedDict):
    """A value with its own end, in epoch seconds."""

    value: Value
    exp: int


Entitlement: TypeAlias = Value | Timed

MAX_BYTES: Final = 48 * 1024
MAX_COUNT: Final = 8192
MAX_INTEGER: Final = 2**53 - 1
"""Largest whole number that every JSON reader keeps exact (RFC 8259, section 6)."""

SLUG: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_BAD_TEXT: Final = re.compile("[\x00\ud800-\udfff]")


class EntitlementError(DomainError):
    """An entitlement map that is refused; ``slug`` names the entry, "" the map itself."""

    def __init__(self, reason: str, slug: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.slug = slug


def parse(raw: object) -> dict[str, Entitlement]:
    """A checked copy of an entitlement map, or of a list of slugs.

    Raises EntitlementError with reason ``not_a_map``, ``too_many``, ``too_large``, ``bad_slug``,
    ``duplicate_slug``, ``bad_value``, ``bad_number``, ``bad_text`` or ``bad_expiry``.
    """
    if isinstance(raw, list | tuple):
        raw = _from_list(raw)
    if not isinstance(raw, Mapping):
        raise EntitlementError("not_a_map", "", "entitlements are a map of slugs, or a list of slugs")
    if len(raw) > MAX_COUNT:
        raise EntitlementError("too_many", "", f"at most {MAX_COUNT} entitlements")
    parsed: dict[str, Entitlement] = {}
    weight = 0
    for slug, item in raw.items():
        if not isinstance(slug, str) or SLUG.fullmatch(slug) is None:
            raise EntitlementError(
                "bad_slug", str(slug)[:64], "a slug is a-z, 0-9, and _ . - after the first"
            )
        parsed[slug] = True if item is True else _entry(slug, item)
        weight += 96 if not isinstance(item, str) else 96 + 6 * len(item)
    # The weight bounds the size from above; only a map that might be too large is measured exactly.
    if weight > MAX_BYTES and len(json_dump(parsed)) > MAX_BYTES:
        raise EntitlementError("too_large", "", f"at most {MAX_BYTES} bytes of entitlements as JSON")
    return parsed


def _from_list(slugs: list[object] | tuple[object, ...]) -> dict[object, bool]:
    if not all(isinstance(slug, str) for slug in slugs):
        raise EntitlementError("bad_slug", "", "a list of entitlements holds slugs only")
    granted: dict[object, bool] = dict.fromkeys(slugs, True)
    if len(granted) != len(slugs):
        raise EntitlementError("duplicate_slug", "", "a slug stands in the list twice")
    return granted


def _entry(slug: str, item: object) -> Entitlement:
    if not isinstance(item, Mapping):
        return _value(slug, item)
    if set(item) != {"value", "exp"}:
        raise EntitlementError("bad_value", slug, "a value with its own end has exactly 'value' and 'exp'")
    expires = item["exp"]
    if type(expires) is not int or not 0 < expires <= MAX_EPOCH:
        raise EntitlementError("bad_expiry", slug, "'exp' is a whole number of epoch seconds")
    return {"value": _value(slug, item["value"]), "exp": expires}


def _value(slug: str, value: object) -> Value:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if len(value) > MAX_BYTES or _BAD_TEXT.search(value):
            raise EntitlementError("bad_text", slug, "a text without NUL or surrogates, within the bound")
        return value
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise EntitlementError("bad_number", slug, "a whole number within 2^53")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise EntitlementError("bad_number", slug, "a finite number")
        return value
    raise EntitlementError("bad_value", slug, "a value is a boolean, a number or a text")


def effective(entitlements: Mapping[str, Entitlement], now: datetime) -> dict[str, Value]:
    """The granted values at ``now``: without what has ended (at its ``exp``, half-open) or is ``false``."""
    granted: dict[str, Value] = {}
    for slug, item in entitlements.items():
        if isinstance(item, dict):
            if now.timestamp() < item["exp"] and item["value"] is not False:
                granted[slug] = item["value"]
        elif item is not False:
            granted[slug] = item
    return granted


def has(entitlements: Mapping[str, Entitlement], slug: str, now: datetime) -> bool:
    """Whether exactly this slug is granted at ``now``; nothing is implied by another slug (C7)."""
    item = entitlements.get(slug)
    if isinstance(item, dict):
        return item["value"] is not False and now.timestamp() < item["exp"]
    return item is not None and item is not False


def next_end(entitlements: Mapping[str, Entitlement], now: datetime) -> int | None:
    """The epoch second of the next entitlement to end after ``now``; None when none does."""
    ends = [
        item["exp"]
        for item in entitlements.values()
        if isinstance(item, dict) and item["exp"] > now.timestamp()
    ]
    return min(ends, default=None)


def check_catalogue(entitlements: Mapping[str, Entitlement], catalogue_slugs: Iterable[str]) -> None:
    """Refuse slugs that the product does not list (C20); an empty catalogue means free text.

    Raises EntitlementError with reason ``not_in_catalogue`` and the first such slug in order of name.
    """
    catalogue = frozenset(catalogue_slugs)
    unknown = sorted(entitlements.keys() - catalogue) if catalogue else []
    if unknown:
        raise EntitlementError(
            "not_in_catalogue", unknown[0], f"not in the product's catalogue: {', '.join(unknown)[:500]}"
        )


def narrow(
    live: Mapping[str, Entitlement], signed: Mapping[str, Entitlement], now: datetime
) -> dict[str, Value]:
    """Live ∩ signed at ``now`` (C6): the live row may narrow what was signed, never widen it.

    Of two numbers the smaller counts; other values only where both sides agree.
    """
    mine, theirs = effective(live, now), effective(signed, now)
    result: dict[str, Value] = {}
    for slug, value in mine.items():
        if slug not in theirs:
            continue
        other = theirs[slug]
        if _is_number(value) and _is_number(other):
            result[slug] = min(value, other)
        elif type(value) is type(other) and value == other:
            result[slug] = value
    return result


def _is_number(value: Value) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
