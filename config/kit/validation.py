"""Field rules of a model as one refusal, for services that are called by form, API and command alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from config.kit.errors import FieldError, Invalid


def check_fields(instance: models.Model, fields: Iterable[str] | None = None) -> None:
    """Check the named fields (default: all but the key) by the model's own rules.

    Raises Invalid with one entry a field. Uniqueness is the database's to say: its IntegrityError is
    the service's to translate.
    """
    names = {field.name for field in instance._meta.fields if not field.primary_key}
    wanted = names if fields is None else set(fields) & names
    errors = list(_nul_errors(instance, wanted))
    try:
        instance.clean_fields(exclude={f.name for f in instance._meta.fields} - wanted)
    except ValidationError as error:
        errors += _field_errors(error)
    if errors:
        raise Invalid(errors)


def _nul_errors(instance: models.Model, names: set[str]) -> Iterator[FieldError]:
    # PostgreSQL refuses NUL in text, and no model field does
    for name in sorted(names):
        value: Any = getattr(instance, instance._meta.get_field(name).attname)  # type: ignore[union-attr]
        if isinstance(value, str) and "\x00" in value:
            yield FieldError(name, "null_character", "Text must not contain the NUL character.")


def _field_errors(error: ValidationError) -> Iterator[FieldError]:
    for field, problems in error.error_dict.items():
        for problem in problems:
            yield FieldError(field, problem.code or "invalid", " ".join(problem.messages))
