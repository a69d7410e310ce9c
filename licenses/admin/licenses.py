"""Licenses: the list."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import CharField, Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Coalesce, NullIf
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter

from accounts.admin.saved_views import SavedViews
from config.kit import ids
from config.kit.admin import ReadOnlyAdmin
from config.kit.changelist import KeysetList
from config.kit.exporting import Cell, Column, ExportList
from config.kit.filters import DaysFilter
from config.kit.keyset import Order
from licenses.admin import display as show
from licenses.admin.filters import (
    AccountFilter,
    CountsFilter,
    CreatorFilter,
    EndsFilter,
    MayHaveFilter,
    PlanFilter,
    PostureFilter,
    ProductFilter,
    SigningKeyFilter,
    UseFilter,
)
from licenses.admin.generate import Generation
from licenses.admin.license_page import LicensePage
from licenses.admin.list_presets import LIST_PRESETS
from licenses.admin.row_actions import RowActions
from licenses.admin.test_keys import TestKeys
from licenses.models import License, Plan, Product
from licenses.models.licenses import LicenseQuerySet
from licenses.searching import HELP, is_key_text, key_reference, licenses_search

CREATOR = Coalesce(
    NullIf("creator__name", Value("")), "creator__email", "created_by", output_field=CharField()
)
EXPORTED = (
    Column("License", "uid", Cell.UID),
    Column("Account", "account__name", Cell.TEXT),
    Column("Account slug", "account__slug"),
    Column("Customer id", "account__customer_id"),
    Column("Product", "product__name", Cell.TEXT),
    Column("Product key", "product__product_key"),
    Column("Plan", "plan__name", Cell.TEXT),
    Column("Plan code", "plan_code"),
    Column("Kind", "kind"),
    Column("Internal", "internal", Cell.FLAG),
    Column("Edition", "edition"),
    Column("Count", "quantity", Cell.NUMBER),
    Column("Seats", "seats", Cell.NUMBER),
    Column("Nodes", "nodes", Cell.NUMBER),
    Column("Machines", "machines", Cell.NUMBER),
    Column("Collectors", "collectors", Cell.NUMBER),
    Column("Creator", CREATOR, Cell.TEXT),
    Column("Created", "created_at", Cell.INSTANT),
    Column("Starts", "starts_at", Cell.INSTANT),
    Column("Expires", "expires_at", Cell.INSTANT),
    Column("Status", "status"),
    Column("Posture", "posture"),
    Column("Origin", "origin"),
    Column("CRM record", "crm_ref", Cell.TEXT),
    Column("Comment", "comment", Cell.TEXT),
)


def products_by_name() -> QuerySet[Any]:
    """The products that have licenses, as the column of their names sorts them."""
    sold = Exists(License.objects.filter(product=OuterRef("pk")))
    return Product.objects.filter(sold).order_by("name", "pk").values_list("pk", flat=True)


def plans_by_name() -> QuerySet[Any]:
    """As `products_by_name`, for plans. Those of one name stand beside each other, by product."""
    sold = Exists(License.objects.filter(plan=OuterRef("pk")))
    return Plan.objects.filter(sold).order_by("name", "product__name", "pk").values_list("pk", flat=True)


@admin.register(License)
class LicenseAdmin(
    LicensePage, TestKeys, Generation, RowActions, SavedViews, ExportList, KeysetList, ReadOnlyAdmin
):
    list_display = (
        "public_id", "account_name", "product_name", "plan_name", "kind_name", "edition", "seats_shown",
        "nodes_shown", "quantity_shown", "creator_name", "created", "expires", "state",
    )  # fmt: skip
    list_display_links = ("public_id",)
    list_select_related = ("account", "product", "plan", "creator")
    # Each has an index of the same pair of directions.
    list_orders = {
        "account_name": Order("account__name", descends=False),
        "product_name": Order("product_id", descends=False, ranks=products_by_name),
        "plan_name": Order("plan_id", descends=False, ranks=plans_by_name),
        "kind_name": Order("kind", descends=False),
        "quantity_shown": Order("quantity", descends=False),
        "created": Order(descends=False, key_descends=False),
        "expires": Order("expires_at", descends=False, key_descends=False, nullable=True),
        "state": Order("status", descends=False),
    }
    list_presets = LIST_PRESETS
    list_filter = (
        AccountFilter,
        ProductFilter,
        PlanFilter,
        ("kind", ChoicesDropdownFilter),
        ("edition", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        PostureFilter,
        ("internal", BooleanRadioFilter),
        CountsFilter,
        EndsFilter,
        ("expires_at", DaysFilter),
        ("created_at", DaysFilter),
        UseFilter,
        CreatorFilter,
        MayHaveFilter,
        ("origin", ChoicesDropdownFilter),
        SigningKeyFilter,
    )
    list_fullwidth = True
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    search_fields = ("uid",)
    search_help_text = HELP
    actions_list = ("quick",)
    export_columns = EXPORTED

    # --- list -------------------------------------------------------------------------------------

    @display(description="License")
    def public_id(self, row: License) -> SafeString:
        return show.short_id(row.public_id)

    @display(description="Account", ordering="account__name")
    def account_name(self, row: License) -> SafeString:
        name = row.account.name
        return format_html(
            '<a href="{}" class="text-link sg-cut" title="{}">{}</a>', show.page_of(row.account), name, name
        )

    @display(description="Product", ordering="product__name")
    def product_name(self, row: License) -> SafeString:
        return show.cut(row.product.name)

    @display(description="Plan", ordering="plan__name")
    def plan_name(self, row: License) -> SafeString:
        return show.cut(row.plan.name)

    @display(description="Kind", ordering="kind")
    def kind_name(self, row: License) -> SafeString:
        internal = show.badge("internal", "info") if row.internal else ""
        kind = show.badge(row.kind, KIND_TONES.get(row.kind, ""))
        return format_html('<div class="sg-states">{}{}</div>', kind, internal)

    @display(description="Edition")
    def edition(self, row: License) -> str:
        return row.edition

    @display(description="Seats")
    def seats_shown(self, row: License) -> SafeString:
        return show.number(show.limit(row.seats, none="∞"))

    @display(description="Nodes")
    def nodes_shown(self, row: License) -> SafeString:
        return show.number(show.limit(row.nodes, none="∞"))

    @display(description="Count", ordering="quantity")
    def quantity_shown(self, row: License) -> SafeString:
        return show.number(f"{row.quantity:,}")

    @display(description="Creator")
    def creator_name(self, row: License) -> SafeString:
        return show.cut(str(row.creator or row.created_by))

    @display(description="Created", ordering="id")
    def created(self, row: License) -> SafeString | str:
        return show.day(row.created_at)

    @display(description="Expires", ordering="expires_at")
    def expires(self, row: License) -> SafeString | str:
        return show.day(row.expires_at, none="never")

    @display(description="State", ordering="status")
    def state(self, row: License) -> SafeString:
        return format_html(
            '<div class="sg-states">{}{}</div>', show.badge(row.status), show.badge(row.posture)
        )

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return self.list_display

    def list_order(self, params: Mapping[str, str]) -> Order:
        """Newest first: by the key, or by the date where only some dates are asked for, which has an index."""
        by_date = any(params.get(name) for name in ("created_at_from", "created_at_to"))
        return Order("created_at") if by_date else Order()

    # --- search -----------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        term = request.GET.get(SEARCH_VAR, "")
        if is_key_text(term):  # an address is kept in histories and logs
            params = request.GET.copy()
            params[SEARCH_VAR] = key_reference(term)
            return HttpResponseRedirect(f"?{params.urlencode()}")
        return super().changelist_view(request, extra_context)

    def get_search_results(
        self, request: HttpRequest, queryset: LicenseQuerySet, search_term: str
    ) -> tuple[LicenseQuerySet, bool]:
        found = licenses_search(queryset, search_term)
        vars(request)["search_hint"] = found.hint
        return found.rows, False

    def export_uid(self, uid: uuid.UUID) -> str:
        return ids.license_id(uid)


KIND_TONES = {"test": "warning", "trial": "info"}
