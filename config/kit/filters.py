"""Filters of lists that more than one room needs."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateFilter


class DaysFilter(RangeDateFilter):  # type: ignore[misc] # unfold ships no types
    """Instants on days from the first to the last, both included, in UTC."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first = _date(self.used_parameters.get(f"{self.parameter_name}_from"))
        last = _date(self.used_parameters.get(f"{self.parameter_name}_to"))
        return queryset.filter(**days(self.field_path, first, last))

    def in_words(self) -> str:
        first, last = (
            self.used_parameters.get(f"{self.parameter_name}_{end}") or "" for end in ("from", "to")
        )
        if not first:
            return f"to {last}"
        return f"{first} to {last}" if last else f"from {first}"


def days(field: str, first: date | None, last: date | None) -> dict[str, datetime]:
    """Lookups of a field for the days `first` to `last`, in UTC; None leaves that side open."""
    lookups = {}
    if first is not None:
        lookups[f"{field}__gte"] = _midnight(first)
    if last is not None:
        with suppress(OverflowError):  # the last day of the calendar
            lookups[f"{field}__lt"] = _midnight(last) + timedelta(days=1)
    return lookups


def _midnight(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, tzinfo=UTC)


def _date(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
