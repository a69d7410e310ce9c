"""Fields of requests: strict about types, bounded in size, and kind to what comes after them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.validators import RegexValidator
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from history.domain.screening import UnfitError, check_subject
from licenses.domain.claims import MAX_LIMIT

MAX_REASON = 500
FIRST_YEAR, LAST_YEAR = 1971, 2999
LONGEST_INSTANT = 40
ENTITLEMENTS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "Slug to true, a number, a text, or a value with its own end in epoch seconds.",
    "additionalProperties": {
        "oneOf": [
            {"type": ["boolean", "number", "string"]},
            {
                "type": "object",
                "required": ["value", "exp"],
                "properties": {
                    "value": {"type": ["boolean", "number", "string"]},
                    "exp": {"type": "integer"},
                },
                "additionalProperties": False,
            },
        ]
    },
}


def accept(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return the checked members of a request's body; ValidationError (400) names what is wrong."""
    given = shape(data=request.data)
    given.is_valid(raise_exception=True)
    values: dict[str, Any] = given.validated_data
    return values


def instant_of(text: object) -> datetime:
    """Read an RFC 3339 instant with its offset. ValueError for anything else, and beyond the year 2999."""
    if not isinstance(text, str) or len(text) > LONGEST_INSTANT:
        raise ValueError("not an instant")
    parsed = parse_datetime(text)
    if parsed is None or parsed.tzinfo is None or not FIRST_YEAR <= parsed.year <= LAST_YEAR:
        raise ValueError("not an instant with an offset")
    return parsed.astimezone(UTC)


class Whole(serializers.IntegerField):
    """A JSON number without a fraction: no text, no boolean, no 3.0."""

    def __init__(self, lowest: int = 0, highest: int = MAX_LIMIT, **kwargs: Any) -> None:
        super().__init__(min_value=lowest, max_value=highest, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return data


class Flag(serializers.BooleanField):
    """true or false, no word or number that might mean one."""

    def to_internal_value(self, data: Any) -> bool:
        if type(data) is not bool:
            self.fail("invalid", input=str(data)[:40])
        return data


class Text(serializers.CharField):
    """A text; numbers are none."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Instant(serializers.DateTimeField):
    """RFC 3339 with its offset: an instant without one depends on who reads it."""

    default_error_messages = {"invalid": "An RFC 3339 instant with its offset, such as 2027-01-31T00:00:00Z."}

    def to_internal_value(self, value: Any) -> datetime:
        try:
            return instant_of(value)
        except ValueError:
            self.fail("invalid")


@extend_schema_field({"oneOf": [{"type": "string", "format": "date-time"}, {"type": "integer"}]})
class InstantOrEpoch(Instant):
    """An RFC 3339 instant, or whole epoch seconds, as E2 takes them."""

    default_error_messages = {"invalid": "An RFC 3339 instant with its offset, or whole epoch seconds."}

    def to_internal_value(self, value: Any) -> datetime:
        if type(value) is not int:
            return super().to_internal_value(value)
        try:
            at = datetime.fromtimestamp(value, UTC)
        except (OverflowError, OSError, ValueError):
            self.fail("invalid")
        return super().to_internal_value(at.isoformat())


class Code(Text):
    """A new name that tokens, paths and history will hold: lower case, and nothing like a secret."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=63, **kwargs)
        detail = "Lower-case letters, digits, dots, hyphens and underscores, 63 at most."
        self.validators.append(RegexValidator(r"\A[a-z0-9][a-z0-9_.-]{0,62}\Z", detail, code="bad_slug"))
        self.validators.append(_not_a_secret)


def _not_a_secret(value: str) -> None:
    try:
        check_subject(f"product:{value}")
    except UnfitError as error:
        raise ValidationError(f"This cannot be a name: {error}.", code="looks_secret") from error


@extend_schema_field(ENTITLEMENTS_SCHEMA)
class Entitlements(serializers.JSONField):
    """An entitlement map or a list of slugs; the domain judges what is in it."""


@extend_schema_field({"type": "string", "format": "uri", "maxLength": 200})
class WebAddress(serializers.URLField):
    """An http or https address in ASCII, as a token may carry it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=200, **kwargs)
        detail = "An http or https address in ASCII."
        self.validators.append(RegexValidator(r"\A(?:https?://[\x21-\x7e]+)?\Z", detail, code="bad_url"))


@extend_schema_field({"type": "string", "pattern": "^[0-9a-f]{64}$"})
class Sha256(Text):
    """A SHA-256 in lower-case hex."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, **kwargs)
        detail = "A SHA-256 in lower-case hex."
        self.validators.append(RegexValidator(r"\A(?:[0-9a-f]{64})?\Z", detail, code="not_sha256"))
