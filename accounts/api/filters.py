"""Filters of the lists. A value that a filter cannot take is a 400 at its name."""

from __future__ import annotations

from typing import Any

import django_filters  # type: ignore[import-untyped] # ships no types
from django.db.models import Q, QuerySet

from accounts.models import Account, ApiKey
from accounts.selectors import slug_now


class AccountFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    kind = django_filters.ChoiceFilter(choices=Account.Kind.choices)
    domain = django_filters.CharFilter(lookup_expr="iexact", max_length=253)
    q = django_filters.CharFilter(
        method="search", max_length=100, label="In name, slug, customer id, domain or e-mail."
    )

    class Meta:
        model = Account
        fields = ["kind", "domain"]

    def search(self, queryset: QuerySet[Account], _name: str, value: str) -> QuerySet[Account]:
        fields = ("name", "slug", "customer_id", "domain", "email")
        found = Q()
        for field in fields:
            found |= Q(**{f"{field}__icontains": value})
        return queryset.filter(found)


class ApiKeyFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    role = django_filters.ChoiceFilter(choices=ApiKey.RoleName.choices)
    account = django_filters.CharFilter(method="of_account", max_length=63)
    revoked = django_filters.BooleanFilter(field_name="revoked_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = ApiKey
        fields: list[Any] = ["role"]

    def of_account(self, queryset: QuerySet[ApiKey], _name: str, value: str) -> QuerySet[ApiKey]:
        return queryset.filter(account__slug=slug_now(value))
