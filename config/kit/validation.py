"""Field rules of a model as one refusal, for services that are called by form, API and command alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from config.kit.errors import FieldError, Invalid

BREAKS = frozenset({"Cc", "Zl", "Zp"})
"""Unicode's categories of control characters, line and paragraph separators."""


def check_fields(instance: models.Model, fields: Iterable[str] | None = None) -> None:
    """Check the named fields (default: all but the key) by the model's own rules.

    Raises Invalid with one entry a field. Uniqueness is the database's to say: its IntegrityError is
    the service's to translate.
    """
    names = {field.name for field in instance._meta.fields if not field.primary_key}
    wanted = names if fields is None else set(fields) & names
    errors = list(_character_errors(instance, wanted))
    try:
        instance.clean_fields(exclude={f.name for f in instance._meta.fields} - wanted)
    except ValidationError as error:
        errors += _field_errors(error)
    if errors:
        raise Invalid(errors)


def _character_errors(instance: models.Model, names: set[str]) -> Iterator[FieldError]:
    """PostgreSQL refuses NUL in text and no model field does; a name or an address is one line."""
    for name in sorted(names):
        field: Any = instance._meta.get_field(name)
        value: Any = getattr(instance, field.attname)
        if not isinstance(value, str):
            continue
        if "\x00" in value:
            yield FieldError(name, "null_character", "Text must not contain the NUL character.")
        elif isinstance(field, models.CharField) and any(unicodedata.category(c) in BREAKS for c in value):
            yield FieldError(name, "control_character", "This is one line, without control characters.")


def _field_errors(error: ValidationError) -> Iterator[FieldError]:
    for field, problems in error.error_dict.items():
        for problem in problems:
            yield FieldError(field, problem.code or "invalid", " ".join(problem.messages))
