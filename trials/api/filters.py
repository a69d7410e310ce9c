"""Filters of the list of trials."""

from __future__ import annotations

import django_filters  # type: ignore[import-untyped] # ships no types

from licenses.api.filters import InstantFilter
from trials.models import Trial


class TrialFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    engagement = django_filters.ChoiceFilter(choices=Trial.Engagement.choices)
    program = django_filters.CharFilter("program__slug", max_length=63)
    group = django_filters.CharFilter("account__slug", max_length=63)
    running = django_filters.BooleanFilter("ended_at", lookup_expr="isnull")
    started_after = InstantFilter("started_at", lookup_expr="gte")
    started_before = InstantFilter("started_at", lookup_expr="lt")

    class Meta:
        model = Trial
        fields: tuple[str, ...] = ()
