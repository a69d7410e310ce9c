"""Filters of the payment report (E30). A value that a filter cannot take is a 400 at its name."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import django_filters  # type: ignore[import-untyped] # ships no types
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from billing.domain.enums import PaymentState, Purpose
from billing.models import Payment
from billing.selectors import payments
from licenses.api.fields import FIRST_YEAR, LAST_YEAR, instant_of
from licenses.models.catalogue import choices

DAY = timedelta(days=1)
DATE_LENGTH = len("2026-03-02")
LONGEST = 200


class InstantOrDay(forms.Field):
    """An RFC 3339 instant, or a date, which is a whole day in UTC: `last` makes it that day's last moment."""

    def __init__(self, *, last: bool = False, **kwargs: Any) -> None:
        self.last = last
        super().__init__(**kwargs)

    def clean(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        try:
            return self._day(value) if len(value) == DATE_LENGTH else instant_of(value)
        except ValueError as error:
            detail = "A date as 2026-03-02, or an RFC 3339 instant with its offset."
            raise ValidationError(detail, code="invalid") from error

    def _day(self, text: str) -> datetime:
        found = date.fromisoformat(text)
        if not FIRST_YEAR <= found.year <= LAST_YEAR:
            raise ValueError("out of range")
        start = datetime.combine(found, time(), tzinfo=UTC)
        return start + DAY - timedelta(microseconds=1) if self.last else start


class InstantOrDayFilter(django_filters.IsoDateTimeFilter):  # type: ignore[misc] # as above
    field_class = InstantOrDay


class _PaymentFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    product = django_filters.CharFilter(
        method="of_product", max_length=100, label="Slug or lookup key of an offer, or key of a product."
    )
    organization = django_filters.CharFilter(
        method="of_organization", max_length=LONGEST, label="Slug or id of an account, or part of its name."
    )
    customer = django_filters.CharFilter(
        method="of_customer", max_length=LONGEST, label="Part of the payer's name, or the whole address."
    )
    state = django_filters.ChoiceFilter(choices=choices(PaymentState))
    purpose = django_filters.ChoiceFilter(choices=choices(Purpose))
    currency = django_filters.CharFilter(max_length=3)
    counted = django_filters.BooleanFilter(label="Without test mode and without test and internal licenses.")

    class Meta:
        model = Payment
        fields: list[str] = []

    def of_product(self, rows: QuerySet[Payment], _name: str, value: str) -> QuerySet[Payment]:
        return payments.of_product(rows, value)

    def of_organization(self, rows: QuerySet[Payment], _name: str, value: str) -> QuerySet[Payment]:
        return payments.of_organization(rows, value)

    def of_customer(self, rows: QuerySet[Payment], _name: str, value: str) -> QuerySet[Payment]:
        return payments.of_customer(rows, value)


# `from` is a word of Python's: such a name cannot be written in the body of a class
PaymentFilter: Any = type(
    "PaymentFilter",
    (_PaymentFilter,),
    {
        "__module__": __name__,
        "from": InstantOrDayFilter(field_name="paid_at", lookup_expr="gte", label="From, inclusive."),
        "to": InstantOrDayFilter(field_name="paid_at", lookup_expr="lte", last=True, label="To, inclusive."),
        "Meta": _PaymentFilter.Meta,
    },
)
