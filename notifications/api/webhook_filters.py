"""Filters of the lists of webhooks. A value that a filter cannot take is a 400 at its name."""

from __future__ import annotations

import django_filters  # type: ignore[import-untyped] # ships no types

from licenses.api.filters import InstantFilter
from notifications.models import Delivery, WebhookEndpoint


class WebhookFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    enabled = django_filters.BooleanFilter()

    class Meta:
        model = WebhookEndpoint
        fields: list[str] = []


class DeliveryFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    state = django_filters.ChoiceFilter(choices=Delivery.State.choices)
    kind = django_filters.CharFilter(max_length=60)
    created_before = InstantFilter(field_name="created_at", lookup_expr="lt")
    created_after = InstantFilter(field_name="created_at", lookup_expr="gte")

    class Meta:
        model = Delivery
        fields: list[str] = []
