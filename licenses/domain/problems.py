"""One thing wrong with one field of something that a person or a client wants to save."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from licenses.domain.entitlements import EntitlementError, check_catalogue, parse


@dataclass(frozen=True, slots=True)
class Problem:
    """``field`` names the attribute, ``code`` is stable, ``detail`` is one sentence."""

    field: str
    code: str
    detail: str


def range_problem(field: str, value: object, lowest: int, highest: int) -> Problem | None:
    """The problem of a whole number out of ``lowest`` to ``highest``, both included."""
    if type(value) is not int:
        return Problem(field, "not_integer", "A whole number is needed.")
    if value < 0 <= lowest:
        return Problem(field, "negative", "A negative number makes no sense here.")
    if not lowest <= value <= highest:
        return Problem(field, "out_of_range", f"From {lowest} to {highest}.")
    return None


def entitlement_problem(
    raw: object, catalogue: Collection[str], field: str = "entitlements"
) -> Problem | None:
    """The problem of an entitlement map that is malformed or not in the product's catalogue (C20)."""
    try:
        check_catalogue(parse(raw), catalogue)
    except EntitlementError as error:
        return Problem(field, error.reason, f"{error.slug}: {error.detail}" if error.slug else error.detail)
    return None
