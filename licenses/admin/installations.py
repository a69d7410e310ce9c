"""Installations that report: which versions run where, who fell silent, how a release spreads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import BooleanRadioFilter, DropdownFilter, TextFilter
from unfold.decorators import action

from config.kit.admin import ReadOnlyAdmin
from config.kit.changelist import KeysetList
from config.kit.clock import now
from config.kit.keyset import Order
from licenses.admin import display as show
from licenses.admin.filters import primary_key, release_of
from licenses.adoption import running
from licenses.models import Installation, InstallationDay, License, Product
from licenses.searching import licenses_search

DAYS = 30
VERSIONS = 8
SILENT = (7, 30, 90)
OTHERS = "others"


class VersionFilter(TextFilter):  # type: ignore[misc] # unfold ships no types
    title = "version"
    parameter_name = "version"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        return queryset.filter(version=value) if value and value.isprintable() else queryset


class ProductFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    title = "product"
    parameter_name = "product"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(product.pk), product.name) for product in Product.objects.order_by("name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        product = primary_key(self.value() or "")
        return queryset.filter(license__product=product) if product else queryset


class ReleaseFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    """Installations that run a release; not shown before a release's page leads to it."""

    title = "runs the release"
    parameter_name = "release"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        release = release_of(self.value() or "")
        return [(str(release.pk), f"{release.product.name} {release.version}")] if release else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        release = release_of(self.value() or "")
        return queryset.filter(pk__in=running(release).values("pk")) if release else queryset


class SilentFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    title = "heard"
    parameter_name = "silent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("day", "in the last day"), *((str(days), f"silent for {days} days") for days in SILENT)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        if value == "day":
            since = now() - timedelta(days=1)
            return queryset.filter(seen_on__gte=since.date(), last_seen_at__gte=since)
        if value in {str(days) for days in SILENT}:
            return _silent_for(int(value), queryset)
        return queryset


class CapFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    title = "node cap"
    parameter_name = "cap"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("over", "over it now"), ("quiet", "quiet"), ("notice", "notice"), ("escalated", "escalated")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value == "over":
            return queryset.filter(episodes__isnull=False, episodes__ended_at=None)
        if value in {"quiet", "notice", "escalated"}:
            return queryset.filter(episodes__state=value, episodes__ended_at=None)
        return queryset


@dataclass(frozen=True, slots=True)
class Spread:
    """How many installations run a version; `width` is of 100."""

    version: str
    count: int
    width: float
    url: str


@dataclass(frozen=True, slots=True)
class Band:
    """A version on one day of the chart: a piece of the day's column, in the chart's own units."""

    version: str
    y: float
    height: float
    tone: int


@dataclass(frozen=True, slots=True)
class Day:
    on: date
    total: int
    x: float
    bands: tuple[Band, ...]


@admin.register(Installation)
class InstallationAdmin(KeysetList, ReadOnlyAdmin):
    list_display = (
        "install", "license_id_shown", "account", "version", "operating_system", "nodes_shown", "beats_shown",
        "first_seen", "last_seen", "state",
    )  # fmt: skip
    list_display_links = ("install",)
    list_select_related = ("license__account",)
    list_orders = {"last_seen": Order("seen_on", descends=True)}
    list_filter = (
        VersionFilter,
        ProductFilter,
        ReleaseFilter,
        SilentFilter,
        CapFilter,
        ("set_aside_at", BooleanRadioFilter),
    )
    list_fullwidth = True
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("install_id",)
    search_help_text = "Install id, or what finds its license: id, key, account"
    actions_list = ("spread",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.prefetch_related("episodes")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = queryset.filter(install_id=term) if term.isprintable() else queryset.none()
        if found.exists():
            return found, False
        return queryset.filter(
            license__in=licenses_search(License.objects.all(), term).rows.values("pk")
        ), False

    # --- columns ----------------------------------------------------------------------------------

    @display(description="Installation")
    def install(self, row: Installation) -> SafeString:
        return show.mono(row.install_id)

    @display(description="License")
    def license_id_shown(self, row: Installation) -> SafeString:
        url = reverse("admin:licenses_license_change", args=[row.license_id])
        return format_html('<a href="{}?tab=installations">{}</a>', url, show.short_id(row.license.public_id))

    @display(description="Account")
    def account(self, row: Installation) -> SafeString:
        return show.link(row.license.account)

    @display(description="Nodes")
    def nodes_shown(self, row: Installation) -> str:
        return f"{row.nodes:,}"

    @display(description="Beats")
    def beats_shown(self, row: Installation) -> str:
        return f"{row.beats:,}"

    @display(description="First seen")
    def first_seen(self, row: Installation) -> SafeString | str:
        return show.day(row.first_seen_at)

    @display(description="Last seen", ordering="seen_on")
    def last_seen(self, row: Installation) -> SafeString | str:
        return show.day(row.last_seen_at)

    @display(description="State")
    def state(self, row: Installation) -> SafeString:
        if row.set_aside_at:
            return show.badge("set aside")
        spell = next((episode for episode in row.episodes.all() if episode.ended_at is None), None)
        if spell is not None:
            return show.badge(f"over cap: {spell.state}")
        silent = (now() - row.last_seen_at).days
        return show.badge(f"silent {silent} days" if silent >= SILENT[0] else "reporting")

    # --- versions ---------------------------------------------------------------------------------

    @action(description="Versions and adoption", icon="stacked_bar_chart", url_path="versions")  # type: ignore[untyped-decorator] # unfold ships no types
    def spread(self, request: HttpRequest) -> HttpResponse:
        return self.versions_view(request)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.versions_view)
        return [path("adoption/", view, name="licenses_installation_versions"), *super().get_urls()]

    def versions_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        spread = list(version_spread())
        context = {
            **self.admin_site.each_context(request),
            "title": "Versions and adoption",
            "spread": spread,
            "chart": list(adoption([line.version for line in spread], now().date())),
            "silent": [(days, *_silent(days)) for days in SILENT],
            "list_url": reverse("admin:licenses_installation_changelist"),
            "model_opts": self.model._meta,
        }
        return TemplateResponse(request, "admin/signet/versions.html", context)


def _silent_for(days: int, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those not heard for so long, by their day, which is indexed, then by the instant; none that was set aside."""
    before = now() - timedelta(days=days)
    return rows.filter(seen_on__lte=before.date(), last_seen_at__lt=before, set_aside_at=None)


def _silent(days: int) -> tuple[int, str]:
    return _silent_for(
        days, Installation.objects.all()
    ).count(), f"{reverse('admin:licenses_installation_changelist')}?silent={days}"


def version_spread() -> Iterator[Spread]:
    """The versions that run now, the most frequent first; installations that were set aside do not count."""
    rows = Installation.objects.filter(set_aside_at=None).order_by().values_list("version")
    counted = list(rows.annotate(count=Count("pk")).order_by("-count", "version")[:VERSIONS])
    largest = counted[0][1] if counted else 0
    base = reverse("admin:licenses_installation_changelist")
    for version, count in counted:
        query = urlencode({"version": version, "set_aside_at__isnull": "1"})
        yield Spread(version, count, round(100 * count / largest, 1), f"{base}?{query}")


def adoption(versions: list[str], today: date) -> Iterator[Day]:
    """Installations heard on each of the last thirty days, by version: columns of a stacked chart, 100 high."""
    since = today - timedelta(days=DAYS - 1)
    rows = InstallationDay.objects.filter(day__gte=since, day__lte=today).order_by()
    counts: dict[date, dict[str, int]] = {}
    for day, version, count in rows.values_list("day", "version").annotate(Count("pk")):
        known = version if version in versions else OTHERS
        of_day = counts.setdefault(day, {})
        of_day[known] = of_day.get(known, 0) + count
    highest = max((sum(of_day.values()) for of_day in counts.values()), default=0)
    for place in range(DAYS):
        on = since + timedelta(days=place)
        of_day = counts.get(on, {})
        yield Day(on, sum(of_day.values()), place * 10, tuple(_bands(of_day, [*versions, OTHERS], highest)))


def _bands(of_day: dict[str, int], order: list[str], highest: int) -> Iterator[Band]:
    y = 100.0
    for tone, version in enumerate(order):
        count = of_day.get(version, 0)
        if count:
            height = 100 * count / highest
            y -= height
            yield Band(version, round(y, 2), round(height, 2), tone)
