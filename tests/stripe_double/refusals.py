"""Stripe's errors."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """An answer that is an error, in Stripe's shape."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "",
        param: str = "",
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"type": kind, "message": message}
        self.error |= {"code": code} if code else {}
        self.error |= {"param": param} if param else {}

    def body(self) -> dict[str, Any]:
        return {"error": self.error}


def missing(kind: str, name: str, param: str = "id") -> Refused:
    text = f"No such {kind.replace('.', ' ').replace('_', ' ')}: '{name}'"
    return Refused(404 if param == "id" else 400, text, code="resource_missing", param=param)


def invalid(message: str, param: str = "", code: str = "") -> Refused:
    return Refused(400, message, code=code, param=param)
