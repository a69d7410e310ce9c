"""Filters of the list of packages."""

from __future__ import annotations

from typing import Any

import django_filters  # type: ignore[import-untyped] # ships no types
from django.db.models import QuerySet

from licenses.models.catalogue import choices
from trials.domain.evidence.words import StageName, State
from trials.evidence_lists import Standing, standing_as
from trials.models import EvidencePackage, Trial


class PackageFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    stage = django_filters.ChoiceFilter(choices=choices(StageName))
    state = django_filters.ChoiceFilter(choices=choices(State))
    standing = django_filters.ChoiceFilter(method="of_standing", choices=choices(Standing))
    group = django_filters.CharFilter("trial__account__slug", max_length=63)

    class Meta:
        model = EvidencePackage
        fields: tuple[str, ...] = ()

    def of_standing(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        return standing_as(rows, Standing(value))


class NoFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    class Meta:
        model = Trial
        fields: tuple[str, ...] = ()


class NoPackageFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    class Meta:
        model = EvidencePackage
        fields: tuple[str, ...] = ()
