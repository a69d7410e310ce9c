"""One byte string for one JSON value: RFC 8785 (JSON Canonicalization Scheme)."""

from __future__ import annotations

import json
from typing import Any

import rfc8785

LARGEST_INTEGER = 2**53 - 1
DEEPEST = 32

# On plain values (see `_is_plain`) the interpreter's C encoder writes exactly what RFC 8785 asks for, six
# times faster than the reference package. A property test holds the two equal.
_encode = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


class NotCanonicalError(ValueError):
    """The value has no canonical form that every JSON reader and every database keeps unchanged."""


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 form of a JSON value.

    Refused with `NotCanonicalError`: NaN and infinities, integers beyond ±(2**53 - 1), lone surrogates, the
    character NUL (PostgreSQL keeps none), member names that are not text, nesting deeper than 32, and
    anything that is not JSON.
    """
    if _is_plain(value, DEEPEST):
        return _fast(value)
    _refuse_nul(value, DEEPEST)
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonicalError(str(error)) from error


def _fast(value: Any) -> bytes:
    text = _encode(value)
    if "\\u0000" in text:
        _refuse_nul(value, DEEPEST)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise NotCanonicalError("a string holds a lone surrogate") from error


def _is_plain(value: Any, depth: int) -> bool:
    """Say whether the C encoder may write `value`: no floats, only ASCII names (their order is certain)."""
    kind = type(value)
    if kind is int:
        return bool(-LARGEST_INTEGER <= value <= LARGEST_INTEGER)
    if kind is dict:
        return depth > 0 and _are_plain_members(value, depth - 1)
    if kind is list:
        return depth > 0 and all(_is_plain(item, depth - 1) for item in value)
    return kind is str or kind is bool or value is None


def _are_plain_members(members: dict[Any, Any], depth: int) -> bool:
    for name, value in members.items():
        if type(name) is not str or not name.isascii():
            return False
        if type(value) is not str and not _is_plain(value, depth):  # most are text: spare them the call
            return False
    return True


def _refuse_nul(value: Any, depth: int) -> None:
    if depth < 0:
        raise NotCanonicalError(f"nested deeper than {DEEPEST}")
    if isinstance(value, str):
        if "\0" in value:
            raise NotCanonicalError("a string holds the character NUL")
    elif isinstance(value, dict):
        for name, member in value.items():
            _refuse_nul(name, depth)
            _refuse_nul(member, depth - 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_nul(item, depth - 1)
