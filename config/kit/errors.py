"""Refusals: what a service raises when it will not do as asked.

A concrete refusal is a small subclass with a stable `code`. One handler renders every refusal as an
RFC 9457 problem document; the admin renders the same refusal as a message, a command as an exit code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class Refusal(Exception):
    """Base of all refusals. `members` become extension members of the problem document."""

    code = "refused"
    status = 409
    title = "The request was refused."

    def __init__(self, detail: str | None = None, **members: Any) -> None:
        self.detail = detail or self.title
        self.members = members
        super().__init__(self.detail)


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field. `field` is a dotted path such as `entitlements.sso`."""

    field: str
    code: str
    detail: str

    @property
    def pointer(self) -> str:
        """The RFC 6901 JSON pointer of the field."""
        parts = [part.replace("~", "~0").replace("/", "~1") for part in self.field.split(".") if part]
        return "".join(f"/{part}" for part in parts)


class Malformed(Refusal):
    """The input cannot be read at all (400)."""

    code = "malformed"
    status = 400
    title = "The request cannot be read."


class Invalid(Refusal):
    """The input can be read and breaks rules of its fields (400, as the rows of the API name it)."""

    code = "invalid"
    status = 400
    title = "Some fields are not acceptable."

    def __init__(self, errors: list[FieldError], detail: str | None = None) -> None:
        self.errors = errors
        super().__init__(
            detail or " ".join(error.detail for error in errors) or None,
            errors=[{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in errors],
        )


class Unauthenticated(Refusal):
    code = "not_authenticated"
    status = 401
    title = "Credentials are missing or not valid."


class Forbidden(Refusal):
    code = "forbidden"
    status = 403
    title = "These credentials do not allow that."


class NotFound(Refusal):
    code = "not_found"
    status = 404
    title = "There is no such thing, or it is not yours."


class Conflict(Refusal):
    code = "conflict"
    status = 409
    title = "The request conflicts with the present state."


class TooMany(Refusal):
    """A rate limit refuses (429); `retry_after` in seconds."""

    code = "rate_limited"
    status = 429
    title = "Too many requests."

    def __init__(self, detail: str | None = None, *, retry_after: int = 60, **members: Any) -> None:
        self.retry_after = retry_after
        super().__init__(detail, **members)


class Unavailable(Refusal):
    """Something of ours is out of order (503); `retry_after` in seconds."""

    code = "unavailable"
    status = 503
    title = "The service cannot do that at the moment."

    def __init__(self, detail: str | None = None, *, retry_after: int = 30, **members: Any) -> None:
        self.retry_after = retry_after
        super().__init__(detail, **members)
