"""Usage (D12): what is granted and what is used of each license, and of each account and product together."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import Count, IntegerField, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action

from accounts.admin.saved_views import SavedViews
from config.kit import ids
from config.kit.admin import ReadOnlyAdmin
from config.kit.changelist import KeysetList
from config.kit.clock import now
from config.kit.csv import csv_response
from config.kit.exporting import Cell, Column, ExportList
from licenses.admin import display as show
from licenses.admin.filters import (
    AccountFilter,
    CountsFilter,
    EndsFilter,
    PlanFilter,
    ProductFilter,
    UseFilter,
)
from licenses.models import Activation, Installation, LicenseUsage
from licenses.searching import HELP, licenses_search

MOST_LINES = 1_000
"""Lines of the summary that are shown; the file has all of them."""


def _of_installations(function: Any) -> Any:
    rows = Installation.objects.filter(license=OuterRef("pk"), set_aside_at=None).order_by()
    return Subquery(rows.values("license").annotate(value=function).values("value"))


def _of_places(kind: str) -> Any:
    rows = Activation.objects.filter(license=OuterRef("pk"), kind=kind, released_at=None).order_by()
    counted = rows.values("license").annotate(value=Count("pk")).values("value")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


USED: dict[str, Any] = {
    "used_seats": _of_installations(Sum("seats_used")),
    "used_nodes": _of_installations(Sum("nodes")),
    "used_machines": _of_places(Activation.Kind.MACHINE),
    "used_collectors": _of_places(Activation.Kind.COLLECTOR),
    "installed": _of_installations(Count("pk")),
    "seen_at": _of_installations(Max("last_seen_at")),
}
LIMITS = ("seats", "nodes", "machines", "collectors")


class OverFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    """Licenses of which more nodes run than were granted: a spell over the cap lasts."""

    title = "limits"
    parameter_name = "over"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("nodes", "over the node cap now")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() != "nodes":
            return queryset
        over = Installation.objects.filter(episodes__isnull=False, episodes__ended_at=None)
        return queryset.filter(pk__in=over.values("license"))


@admin.register(LicenseUsage)
class UsageAdmin(SavedViews, ExportList, KeysetList, ReadOnlyAdmin):
    list_display = (
        "public_id", "account_name", "product_name", "plan_code", "seats_used", "nodes_used", "machines_used",
        "collectors_used", "installations", "seen",
    )  # fmt: skip
    list_display_links = None
    list_select_related = ("account", "product")
    list_filter = (
        AccountFilter,
        ProductFilter,
        PlanFilter,
        ("kind", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        ("internal", BooleanRadioFilter),
        CountsFilter,
        EndsFilter,
        UseFilter,
        OverFilter,
    )
    list_fullwidth = True
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("uid",)
    search_help_text = HELP
    actions_list = ("by_account",)
    export_columns = (
        Column("License", "uid", Cell.UID),
        Column("Account", "account__name", Cell.TEXT),
        Column("Account slug", "account__slug"),
        Column("Product", "product__name", Cell.TEXT),
        Column("Plan code", "plan_code"),
        Column("Kind", "kind"),
        Column("Status", "status"),
        *(
            column
            for name in LIMITS
            for column in (
                Column(f"{name.capitalize()} granted", name, Cell.NUMBER),
                Column(f"{name.capitalize()} used", USED[f"used_{name}"], Cell.NUMBER),
            )
        ),
        Column("Installations", USED["installed"], Cell.NUMBER),
        Column("Last seen", USED["seen_at"], Cell.INSTANT),
    )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("licenses.view_license")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request)
        found: QuerySet[Any] = rows.annotate(**USED)
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        found = licenses_search(queryset, search_term)
        vars(request)["search_hint"] = found.hint
        return found.rows, False

    def export_uid(self, uid: uuid.UUID) -> str:
        return ids.license_id(uid)

    # --- columns ----------------------------------------------------------------------------------

    @display(description="License")
    def public_id(self, row: LicenseUsage) -> SafeString:
        url = reverse("admin:licenses_license_change", args=[row.pk])
        return format_html('<a href="{}?tab=installations">{}</a>', url, show.short_id(row.public_id))

    @display(description="Account")
    def account_name(self, row: LicenseUsage) -> SafeString:
        return show.link(row.account)

    @display(description="Product")
    def product_name(self, row: LicenseUsage) -> SafeString:
        return show.cut(row.product.name)

    @display(description="Seats")
    def seats_used(self, row: Any) -> SafeString:
        return used(row.used_seats, row.seats)

    @display(description="Nodes")
    def nodes_used(self, row: Any) -> SafeString:
        return used(row.used_nodes, row.nodes)

    @display(description="Machines")
    def machines_used(self, row: Any) -> SafeString:
        return used(row.used_machines, row.machines)

    @display(description="Collectors")
    def collectors_used(self, row: Any) -> SafeString:
        return used(row.used_collectors, row.collectors)

    @display(description="Installations")
    def installations(self, row: Any) -> str:
        return f"{row.installed or 0:,}"

    @display(description="Last seen")
    def seen(self, row: Any) -> SafeString | str:
        return show.day(row.seen_at, none="never")

    # --- by account and product -------------------------------------------------------------------

    @action(description="By account and product", icon="table_chart", url_path="by-account")  # type: ignore[untyped-decorator] # unfold ships no types
    def by_account(self, request: HttpRequest) -> HttpResponse:
        return self.summary_view(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """A row of the report is a license, which has its page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        return HttpResponseRedirect(reverse("admin:licenses_license_change", args=[object_id]))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.summary_view)
        file = self.admin_site.admin_view(self.summary_file)
        return [
            path("summary/", view, name="licenses_licenseusage_summary"),
            path("summary/file/", file, name="licenses_licenseusage_summary_file"),
            *super().get_urls(),
        ]

    def summary_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        lines = [line for _, line in zip(range(MOST_LINES + 1), summary_lines(), strict=False)]
        context = {
            **self.admin_site.each_context(request),
            "title": "Usage by account and product",
            "lines": lines[:MOST_LINES],
            "more": len(lines) > MOST_LINES,
            "file": reverse("admin:licenses_licenseusage_summary_file"),
            "model_opts": self.model._meta,
        }
        return TemplateResponse(request, "admin/signet/usage_summary.html", context)

    def summary_file(self, request: HttpRequest) -> HttpResponseBase:
        if not self.has_view_permission(request):
            raise PermissionDenied
        header = ["Account", "Account slug", "Product", "Licenses"]
        header += [f"{name.capitalize()} {what}" for name in LIMITS for what in ("granted", "used")]
        rows = (
            [line["account"], line["slug"], line["product"], line["licenses"]]
            + [line[f"{name}_{what}"] for name in LIMITS for what in ("granted", "used")]
            + [line["seen_at"]]
            for line in summary_lines()
        )
        return csv_response(f"usage-by-account-{now():%Y-%m-%d}.csv", [*header, "Last seen"], rows)


def used(count: int | None, granted: int) -> SafeString:
    """`7 of 10`; a use above the limit stands out."""
    limit = show.limit(granted, none="∞")
    over = bool(granted and count is not None and count > granted)
    return format_html(
        '<span class="{}">{} of {}</span>', "sg-use sg-over" if over else "sg-use", count or 0, limit
    )


def summary_lines() -> Iterator[dict[str, Any]]:
    """One line for each account and product with licenses that hold: granted and used together.

    A limit of 0 is unlimited, and makes the sum unlimited (None). Three grouped statements.
    """
    holding = LicenseUsage.objects.filter(status="active").filter(
        Q(expires_at=None) | Q(expires_at__gt=now())
    )
    pair = ("account", "product")
    reported = Installation.objects.filter(license__in=holding, set_aside_at=None).order_by()
    said = {
        (account, product): (seats, nodes, seen)
        for account, product, seats, nodes, seen in reported.values_list(
            "license__account", "license__product"
        ).annotate(Sum("seats_used"), Sum("nodes"), Max("last_seen_at"))
    }
    held = Activation.objects.filter(license__in=holding, released_at=None).order_by()
    places = {
        (account, product, kind): count
        for account, product, kind, count in held.values_list(
            "license__account", "license__product", "kind"
        ).annotate(Count("pk"))
    }
    sums = {f"{name}_granted": Sum(name) for name in LIMITS}
    free = {f"{name}_free": Count("pk", filter=Q(**{name: 0})) for name in LIMITS}
    names = ("account__name", "account__slug", "product__name")
    grouped = holding.order_by().values(*pair, *names).annotate(licenses=Count("pk"), **sums, **free)
    for row in grouped.order_by("account__name", "product__name").iterator(chunk_size=500):
        key = (row["account"], row["product"])
        seats, nodes, seen = said.get(key, (None, None, None))
        used_of = {
            "seats": seats or 0,
            "nodes": nodes or 0,
            "machines": places.get((*key, "machine"), 0),
            "collectors": places.get((*key, "collector"), 0),
        }
        yield {
            "account": row["account__name"],
            "slug": row["account__slug"],
            "product": row["product__name"],
            "licenses": row["licenses"],
            "seen_at": seen,
            "url": reverse("admin:licenses_licenseusage_changelist")
            + f"?account={row['account__slug']}&product__id__exact={row['product']}&status__exact=active&ends=open",
            **{f"{name}_granted": None if row[f"{name}_free"] else row[f"{name}_granted"] for name in LIMITS},
            **{f"{name}_used": used_of[name] for name in LIMITS},
        }
