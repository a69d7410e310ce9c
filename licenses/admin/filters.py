"""Filters of the license list. Whatever counts licenses for a link to the list goes through the same code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, TextFilter

from accounts.models import User
from accounts.naming import accounts_meant
from config.kit.clock import now
from licenses.domain.enums import Posture
from licenses.figures import counting, sold
from licenses.models import Activation, Installation, Plan, Product, Release, SigningKey
from licenses.releases import release_audience
from licenses.selectors import live_licenses_of_key

POSTURES = (Posture.VALID, Posture.WARNING, Posture.GRACE, Posture.READ_ONLY, Posture.INVALID)
MOST_DAYS = 3660
BIGGEST_KEY = 2**63 - 1


class AccountFilter(TextFilter):  # type: ignore[misc] # unfold ships no types
    """Licenses of the account that is called so: by slug, customer id, e-mail or exact name (`accounts.naming`)."""

    title = "account"
    parameter_name = "account"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        name = (self.value() or "").strip()
        if not name:
            return queryset
        return queryset.filter(account__in=accounts_meant(name))


class EndsFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    """By the end, counted from this very moment: in a link or a saved view it never goes stale.

    A number is "within so many days from now, the last of them to its end"; with a minus it is so many days back.
    """

    title = "end"
    parameter_name = "ends"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            *((str(days), f"within {days} days") for days in (7, 30, 90)),
            ("-30", "in the last 30 days"),
            ("over", "in the past"),
            ("open", "not in the past"),
            ("never", "never: perpetual"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(ends(self.value() or "", now()))

    def in_words(self) -> str:
        value = self.value() or ""
        days = _days(value)
        if days is None:
            return str(dict(self.lookup_choices).get(value, value))
        return f"within {days} days" if days > 0 else f"in the last {-days} days"


class CountsFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    """What the figures of the first page count: neither test keys nor internal licenses (D4)."""

    title = "figures"
    parameter_name = "counts"
    path = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("yes", "counted: no tests, not internal"),
            ("no", "apart: tests and internal"),
            ("sold", "sold: commercial, of others than us"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "yes":
                return queryset.filter(counting(self.path))
            case "no":
                return queryset.exclude(counting(self.path))
            case "sold":
                return queryset.filter(sold(self.path))
        return queryset


class UseFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    """Whether anything ever ran under the license: an installation that reported, or a machine with a place."""

    title = "use"
    parameter_name = "use"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("never", "never activated"), ("seen", "activated or installed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        installed = Exists(Installation.objects.filter(license=OuterRef("pk")))
        activated = Exists(Activation.objects.filter(license=OuterRef("pk")))
        match self.value():
            case "never":
                return queryset.filter(~installed, ~activated)
            case "seen":
                return queryset.filter(installed | activated)
        return queryset


class CreatorFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    """Who made it. `me` is whoever looks, in a shared view, too."""

    title = "creator"
    parameter_name = "creator"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        staff = User.objects.order_by("name", "email")
        return [("me", "me"), ("none", "nobody of the staff"), *((str(user.pk), str(user)) for user in staff)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        if value == "me":
            return queryset.filter(creator_id=request.user.pk)
        if value == "none":
            return queryset.filter(creator_id=None)
        user = primary_key(value)
        return queryset.filter(creator_id=user) if user else queryset


class ProductFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    title = "product"
    parameter_name = "product__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(product.pk), product.name) for product in Product.objects.order_by("name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        product = primary_key(self.value() or "")
        return queryset.filter(product_id=product) if product else queryset


class PlanFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    title = "plan"
    parameter_name = "plan"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        plans = Plan.objects.select_related("product").order_by("product__name", "slug")
        return [(str(plan.pk), f"{plan.product.name} · {plan.name}") for plan in plans]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        plan = primary_key(self.value() or "")
        return queryset.filter(plan_id=plan) if plan else queryset


class PostureFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    title = "posture"
    parameter_name = "posture"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value.value, value.value.replace("_", "-").capitalize()) for value in POSTURES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(posture=self.value()) if self.value() in POSTURES else queryset


class SigningKeyFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    """Live licenses whose newest key this signing key signed: whom its revocation would hit."""

    title = "signing key"
    parameter_name = "signed_by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(key.kid, f"{key.kid} ({key.state})") for key in SigningKey.objects.order_by("-pk")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        kid = self.value()
        key = SigningKey.objects.filter(kid=kid).first() if kid and kid.isprintable() else None
        return queryset if key is None else queryset.filter(pk__in=live_licenses_of_key(key).values("pk"))


class MayHaveFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    """Licenses that may have a release; not shown before a release's page leads to it."""

    title = "may have the release"
    parameter_name = "may_have"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        release = release_of(self.value() or "")
        return [(str(release.pk), f"{release.product.name} {release.version}")] if release else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        release = release_of(self.value() or "")
        audience = release_audience(release, now()) if release else None
        return queryset if audience is None else queryset.filter(pk__in=audience.values("pk"))


def release_of(text: str) -> Release | None:
    """The release that an address names by its key."""
    pk = primary_key(text)
    return Release.objects.select_related("product").filter(pk=pk).first() if pk else None


def ends(value: str, at: datetime) -> Q:
    """What `EndsFilter` means by a value at an instant; nonsense means nothing."""
    if value == "never":
        return Q(expires_at=None)
    if value == "over":
        return Q(expires_at__lt=at)
    if value == "open":
        return Q(expires_at=None) | Q(expires_at__gt=at)
    days = _days(value)
    if days is None:
        return Q()
    today = datetime(at.year, at.month, at.day, tzinfo=UTC)
    if days > 0:
        return Q(expires_at__gte=at, expires_at__lt=today + timedelta(days=days + 1))
    return Q(expires_at__gte=today + timedelta(days=days), expires_at__lt=at)


def _days(text: str) -> int | None:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= len(str(MOST_DAYS))):
        return None
    days = int(text)
    return days if days and abs(days) <= MOST_DAYS else None


def primary_key(text: str) -> int | None:
    """A primary key, None for what can be none."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(BIGGEST_KEY)) else 0
    return number if 0 < number <= BIGGEST_KEY else None
