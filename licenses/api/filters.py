"""Filters of the lists. A value that a filter cannot take is a 400 at its name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_filters  # type: ignore[import-untyped] # ships no types
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from accounts.selectors import slug_now
from history.domain.kinds import KINDS
from history.models import Event
from licenses import listings
from licenses.api.fields import instant_of
from licenses.domain.enums import Algorithm, Edition, Kind, LicenseStatus, Posture, ReleaseChannel
from licenses.models import License, Plan, Product, Release, SigningKey
from licenses.models.catalogue import choices


class InstantField(forms.Field):
    def clean(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        try:
            return instant_of(value)
        except ValueError as error:
            detail = "An RFC 3339 instant with its offset, Z or a percent-encoded plus."
            raise ValidationError(detail, code="invalid") from error


class InstantFilter(django_filters.IsoDateTimeFilter):  # type: ignore[misc] # as above
    field_class = InstantField


class LicenseFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    account = django_filters.CharFilter(method="of_account", max_length=63, label="Slug.")
    product = django_filters.CharFilter(field_name="product__product_key", max_length=63)
    plan = django_filters.CharFilter(field_name="plan_code", max_length=63)
    kind = django_filters.ChoiceFilter(choices=choices(Kind))
    edition = django_filters.ChoiceFilter(choices=choices(Edition))
    status = django_filters.ChoiceFilter(choices=choices(LicenseStatus))
    posture = django_filters.ChoiceFilter(choices=choices(Posture))
    origin = django_filters.ChoiceFilter(choices=License.Origin.choices)
    internal = django_filters.BooleanFilter()
    expires_before = InstantFilter(field_name="expires_at", lookup_expr="lt")
    expires_after = InstantFilter(field_name="expires_at", lookup_expr="gte")
    created_before = InstantFilter(field_name="created_at", lookup_expr="lt")
    created_after = InstantFilter(field_name="created_at", lookup_expr="gte")
    q = django_filters.CharFilter(
        method="search", max_length=63, label="Beginning of a license id or of an account's slug."
    )

    class Meta:
        model = License
        fields: list[str] = []

    def of_account(self, queryset: QuerySet[License], _name: str, value: str) -> QuerySet[License]:
        """By the slug of today, or one that was merged into it."""
        return queryset.filter(account__slug=slug_now(value))

    def search(self, queryset: QuerySet[License], _name: str, value: str) -> QuerySet[License]:
        return listings.licenses_like(queryset, value)


class GroupFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    plan = django_filters.CharFilter(field_name="plan_code", max_length=63, label="Code of a plan.")

    class Meta:
        model = License
        fields: list[str] = []


class ProductFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    active = django_filters.BooleanFilter()

    class Meta:
        model = Product
        fields: list[str] = []


class PlanFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    kind = django_filters.ChoiceFilter(choices=choices(Kind))
    active = django_filters.BooleanFilter()
    archived = django_filters.BooleanFilter()
    public = django_filters.BooleanFilter()

    class Meta:
        model = Plan
        fields: list[str] = []


class ReleaseFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    channel = django_filters.ChoiceFilter(choices=choices(ReleaseChannel))
    withdrawn = django_filters.BooleanFilter(field_name="withdrawn_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Release
        fields: list[str] = []


class KeyFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    product = django_filters.CharFilter(field_name="product__product_key", max_length=63)
    algorithm = django_filters.ChoiceFilter(choices=choices(Algorithm))
    state = django_filters.ChoiceFilter(choices=SigningKey._meta.get_field("state").choices)

    class Meta:
        model = SigningKey
        fields: list[str] = []


class EventFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    account = django_filters.CharFilter(method="of_account", max_length=64, label="Customer id or slug.")
    subject = django_filters.CharFilter(max_length=200, label="As `license:L-…`.")
    kind = django_filters.ChoiceFilter(choices=[(name, name) for name in KINDS])
    actor = django_filters.CharFilter(max_length=200, label="As `user:7` or `api-key:4be81f09c2d7`.")

    class Meta:
        model = Event
        fields: list[str] = []

    def of_account(self, queryset: QuerySet[Event], _name: str, value: str) -> QuerySet[Event]:
        return listings.events_of_account(queryset, value)
