"""What services that keep rows of the catalogue share: which fields may be given, and how a refusal names them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from config.kit.errors import Conflict, FieldError, Invalid
from history.domain.screening import UnfitError, check_subject


class Exists(Conflict):
    code = "exists"
    title = "Something of this name exists already."


def name_problems(field: str, subject: str) -> list[FieldError]:
    """A name stands in the history for ever, so it may not look like a secret or a person."""
    try:
        check_subject(subject)
    except UnfitError as error:
        return [FieldError(field, "unfit_name", f"Not as a name: {error}.")]
    return []


def full_clean(row: models.Model) -> None:
    try:
        row.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise Invalid(
            [
                FieldError(field, problem.code or "invalid", " ".join(problem.messages))
                for field, problems in error.error_dict.items()
                for problem in problems
            ]
        ) from error


def row_save(row: models.Model, unique: tuple[str, ...], changed: list[str] | None = None) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=changed is None, update_fields=changed)
    except IntegrityError as error:
        named = ", ".join(f"{name} {getattr(row, name)!r}" for name in unique) or "these values"
        raise Exists(f"Something with {named} exists already.") from error


def known_fields(fields: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    unknown = sorted(set(fields) - known)
    if unknown:
        raise Invalid([FieldError(name, "unknown_field", f"There is no field {name}.") for name in unknown])
    return dict(fields)


def row_assign(row: models.Model, fields: Mapping[str, Any]) -> list[str]:
    changed = sorted(name for name, value in fields.items() if getattr(row, name) != value)
    for name in changed:
        setattr(row, name, fields[name])
    return changed
