"""References given from outside, checked field by field (B1, B21)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from config.kit.errors import FieldError, Invalid
from trials.domain.evidence.references import UnfitReference, check_reference


def reference_problems(row: Any, names: Iterable[str]) -> list[FieldError]:
    """One entry for each attribute of `row` that holds something else than nothing or an opaque id."""
    return problems_of({name: getattr(row, name) for name in names})


def problems_of(references: dict[str, str]) -> list[FieldError]:
    """As `reference_problems`, by name."""
    problems = []
    for name, text in references.items():
        if not text:
            continue
        try:
            check_reference(text)
        except UnfitReference as unfit:
            problems.append(FieldError(name, unfit.code, str(unfit)))
    return problems


def demand_references(references: dict[str, str]) -> None:
    """Raises Invalid."""
    if problems := problems_of(references):
        raise Invalid(problems)
