"""Filters of payments and subscriptions: the same rows as the figures that lead to them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, TextFilter

from accounts.selectors import slug_now
from billing.models import Offer, Payment
from billing.selectors import payments, revenue
from config.kit.clock import now
from licenses.models import Product


class CurrencyFilter(TextFilter):  # type: ignore[misc] # unfold ships no types
    title = "currency"
    parameter_name = "currency"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip().lower()
        if not value:
            return queryset
        return queryset.filter(currency=value) if value.isascii() and value.isalpha() else queryset.none()


class OrganizationFilter(TextFilter):  # type: ignore[misc] # as above
    """Of the account with this slug."""

    title = "account"
    parameter_name = "account"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        name = (self.value() or "").strip().lower()
        if not name:
            return queryset
        return queryset.filter(account__slug=slug_now(name)) if name.isprintable() else queryset.none()


class SoldFilter(DropdownFilter):  # type: ignore[misc] # as above
    """Of every offer of a product; a bundle is looked for by its offer."""

    title = "product"
    parameter_name = "product"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = list(Product.objects.order_by("name").values_list("product_key", "name"))
        return names + list(Offer.objects.filter(plan=None).order_by("name").values_list("slug", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        if queryset.model is Payment:
            return payments.of_product(queryset, value)
        bundles = queryset.filter(offer__plan=None, offer__slug=value)
        return bundles | queryset.filter(offer__plan__product__product_key=value)


class FiguresFilter(DropdownFilter):  # type: ignore[misc] # as above
    """The cycles behind a figure of the revenue page."""

    title = "revenue"
    parameter_name = "revenue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        due = [(f"due-{days}", f"renews within {days} days") for days in revenue.DUE_WITHIN]
        risks = [
            ("past_due", "at risk: past due"),
            ("lapsed", "at risk: lapsed"),
            ("ending", "at risk: ending"),
        ]
        return [("running", "running"), *due, *risks]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        if value == "running":
            return revenue.running(queryset)
        if value in revenue.RISKS:
            return revenue.at_risk(queryset, value)
        if value in {f"due-{days}" for days in revenue.DUE_WITHIN}:
            return revenue.renewing(queryset, int(value.partition("-")[2]), at=now())
        return queryset
