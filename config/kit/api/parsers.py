"""JSON as RFC 8259 and PostgreSQL take it: no NaN, no NUL, no lone surrogates, no duplicate members, bounded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser

from config.kit.errors import Malformed, Refusal

MAX_BODY_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_INTEGER_DIGITS = 18


class BodyTooLarge(Refusal):
    code = "body_too_large"
    status = 413
    title = "The request body is too large."


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return loads(stream.read(MAX_BODY_BYTES + 1))


def loads(raw: bytes) -> Any:
    """Parse a JSON body. Raises Malformed (400) or BodyTooLarge (413)."""
    if len(raw) > MAX_BODY_BYTES:
        raise BodyTooLarge(f"A request body has at most {MAX_BODY_BYTES} bytes.")
    try:
        value = _decode(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Malformed(f"The body is not acceptable JSON: {_say(error)}.") from error
    _check(value, 0)
    return value


def _say(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member name appears twice")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_INTEGER_DIGITS:
        raise ValueError("a number is too large")
    return int(digits)


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_refuse_constant, parse_int=_integer
).decode


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Malformed("The body is nested too deeply.")
    match value:
        case str():
            _check_text(value)
        case dict():
            for key, item in value.items():
                _check_text(key)
                _check(item, depth + 1)
        case list():
            for item in value:
                _check(item, depth + 1)
        case float() if value in (float("inf"), float("-inf")):
            raise Malformed("A number is too large.")


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise Malformed("Text must not contain the NUL character.")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise Malformed("Text must not contain lone surrogates.")
