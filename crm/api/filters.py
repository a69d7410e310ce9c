"""Filters of the lists of people and tasks."""

from __future__ import annotations

import django_filters  # type: ignore[import-untyped] # ships no types
from django.db.models import QuerySet

from crm.domain.words import Consent, Origin, TaskKind, TaskStatus
from crm.models import Person, Task
from crm.searching import people_like
from licenses.api.filters import InstantFilter
from licenses.models.catalogue import choices
from trials.domain.addresses import AddressError, read_address


class PersonFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    engagement = django_filters.CharFilter(max_length=11)
    cap_state = django_filters.CharFilter(max_length=9)
    consent = django_filters.ChoiceFilter(choices=choices(Consent))
    origin = django_filters.ChoiceFilter(choices=choices(Origin))
    account = django_filters.CharFilter("account__slug", max_length=63)
    owner = django_filters.CharFilter("owner__email", max_length=254)
    source = django_filters.CharFilter("first_source", max_length=60, label="Of the first touch.")
    email = django_filters.CharFilter(
        method="by_address", max_length=254, label="Any spelling of any address of the person."
    )
    q = django_filters.CharFilter(
        method="search", max_length=100, label="In name, address, company or account."
    )
    changed_after = InstantFilter("changed_at", lookup_expr="gte")

    class Meta:
        model = Person
        fields: tuple[str, ...] = ()

    def by_address(self, queryset: QuerySet[Person], _name: str, value: str) -> QuerySet[Person]:
        try:
            address = read_address(value)
        except AddressError:
            return queryset.none()
        return queryset.filter(emails__address=address.canonical)

    def search(self, queryset: QuerySet[Person], _name: str, value: str) -> QuerySet[Person]:
        return people_like(queryset, value)


class TaskFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    status = django_filters.ChoiceFilter(choices=choices(TaskStatus))
    kind = django_filters.ChoiceFilter(choices=choices(TaskKind))
    owner = django_filters.CharFilter("owner__email", max_length=254)
    account = django_filters.CharFilter("account__slug", max_length=63)
    person = django_filters.UUIDFilter("person__uid")
    subject_type = django_filters.CharFilter(max_length=40)
    subject_id = django_filters.CharFilter(max_length=64)
    due_before = django_filters.DateFilter("due_on", lookup_expr="lt")
    changed_after = InstantFilter("changed_at", lookup_expr="gte")

    class Meta:
        model = Task
        fields: tuple[str, ...] = ()
