"""Coupons in the back office: what they take off, their bounds, and how often they were used (C26, E12)."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RelatedDropdownFilter

from billing.admin.linking import count_link, linked_for, orders_url
from billing.admin.offers import MANAGE, sync_label, sync_words
from billing.admin.subscriptions import money
from billing.domain.enums import Discount
from billing.models import Coupon
from billing.selectors.catalogue import coupons_counted
from billing.services.coupons import coupon_create, coupon_delete, coupon_update
from billing.stripe_catalogue import coupon_told, why_not
from config.kit import actors
from config.kit.admin import tell
from config.kit.clock import now
from config.kit.display import day, label
from config.kit.errors import Refusal
from licenses.admin.catalogue import CatalogueAdmin, JSONForm
from licenses.domain.tier_caps import Cap

VIEW = "billing.view_coupon"


@admin.register(Coupon)
class CouponAdmin(CatalogueAdmin):
    form = JSONForm
    create, update, argument = coupon_create, coupon_update, "coupon"
    cap = Cap.COUPONS
    FIXED = ("code",)
    list_display = ("code", "takes_off", "for_offers", "used_shown", "expires_shown", "state", "synced")
    list_display_links = ("code",)
    list_filter = (
        ("active", BooleanRadioFilter),
        ("behavior", ChoicesDropdownFilter),
        ("discount", ChoicesDropdownFilter),
        ("offers", RelatedDropdownFilter),
        ("featured", BooleanRadioFilter),
    )
    search_fields = ("code", "name", "referrer")
    search_help_text = "Code, name or referrer"
    ordering = ("code",)
    change_form_outer_before_template = "admin/signet/billing_head.html"
    empty_title = "No coupons yet"
    empty_text = "Add a code: so much off, for which offers, how often."
    fieldsets = (
        (None, {"fields": ("code", "name", "offers", ("active", "featured"), "referrer")}),
        ("What it does", {"fields": (("behavior", "override_offer"), ("discount", "percent_bps"),
                                     ("amount_minor", "currency"), ("duration", "duration_months"))}),
        ("Bounds", {"fields": (("max_total", "max_per_group"), ("min_managed_products", "max_managed_products"),
                               "expires_at"), "description": "A slot is taken when a checkout begins."}),
        ("Kept with it", {"fields": ("metadata",)}),
    )  # fmt: skip

    class Media:
        css = {"all": ("signet/license.css",)}

    # --- who may ----------------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW) or request.user.has_perm(MANAGE)

    def has_change_permission(self, request: HttpRequest, obj: Coupon | None = None) -> bool:
        return request.user.has_perm(MANAGE) and not (obj is not None and obj.config_managed)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MANAGE)

    # --- page -------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.remove_view))
        return [path("<int:pk>/remove/", view, name="billing_coupon_remove"), *super().get_urls()]

    def remove_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Delete a code that nobody has used (C26)."""
        row = Coupon.objects.filter(pk=pk).first()
        if row is None:
            raise Http404
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        try:
            coupon_delete(coupon=row, actor=actors.user(request.user), at=now())
        except Refusal as refusal:
            tell(request, refusal)
            return HttpResponseRedirect(reverse("admin:billing_coupon_change", args=[pk]))
        messages.success(request, f"The coupon {row.code} is deleted.")
        return HttpResponseRedirect(reverse("admin:billing_coupon_changelist"))

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
                        extra_context: Any = None) -> Any:  # fmt: skip
        row = self.get_object(request, object_id) if object_id else None
        context: dict[str, Any] = {}
        if row is not None:
            orders = checkouts_url(row)
            context = {"said": _said(row), "links": [("Orders with it", orders)] if orders else []}
            if self.has_change_permission(request, row) and not vars(row)["taken"]:
                context["remove"] = reverse("admin:billing_coupon_remove", args=[row.pk])
                context["remove_words"] = "Delete this code"
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **context})

    # --- list -------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Coupon]:
        return linked_for(coupons_counted(), request)

    @display(description="Takes off")
    def takes_off(self, row: Coupon) -> str:
        return discount_words(row)

    @display(description="For")
    def for_offers(self, row: Coupon) -> str:
        names = [offer.name for offer in row.offers.all()]
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""  # noqa: PLR2004 - a short cell
        return ", ".join(names[:2]) + more if names else "every offer"

    @display(description="Used")
    def used_shown(self, row: Coupon) -> SafeString:
        taken = f"{vars(row)['taken']:,}"
        words = taken if row.max_total is None else f"{taken} of {row.max_total:,}"
        return count_link(words, checkouts_url(row))

    @display(description="Expires")
    def expires_shown(self, row: Coupon) -> SafeString | str:
        return day(row.expires_at)

    @display(description="State")
    def state(self, row: Coupon) -> SafeString:
        expired = row.expires_at is not None and row.expires_at <= now()
        marks = [label("expired", "warning") if expired else label("active", "success")]
        marks = marks if row.active else [label("off")]
        marks += [label("featured", "info")] if row.featured else []
        marks += [label("by file")] if row.config_managed else []
        return format_html('<div class="sg-states">{}</div>', SafeString("".join(marks)))

    @display(description="Stripe")
    def synced(self, row: Coupon) -> SafeString:
        if why_not(row):
            return label("here only")
        return sync_label(row.synced_at, changed=coupon_told(row) != row.synced_sha256)


def checkouts_url(row: Coupon) -> str:
    """The orders that were placed with a coupon."""
    return orders_url(row, {"coupon__id__exact": row.pk})


def discount_words(row: Coupon) -> str:
    """As 20 %, 5.00 EUR, a price of 10.00 EUR."""
    if row.overrides and row.override_offer and not row.percent_bps and row.discount == Discount.PERCENT:
        return f"sells {row.override_offer.name}"
    match row.discount:
        case Discount.PERCENT:
            return f"{row.percent_bps / 100:g} %"
        case Discount.FREE:
            return "everything"
        case Discount.SET_PRICE:
            return f"down to {money(row.amount_minor, row.currency)}"
    return money(row.amount_minor, row.currency)


def _said(row: Coupon) -> str:
    taken, redeemed = vars(row)["taken"], vars(row)["redeemed"]
    words = f"{taken:,} uses: {redeemed:,} paid, {taken - redeemed:,} on their way."
    words += f" {why_not(row) or sync_words(row.synced_at, changed=coupon_told(row) != row.synced_sha256)}"
    if row.config_managed:
        return f"{words} The catalogue file keeps this coupon: change it there."
    return f"{words} A used code is switched off, never deleted." if taken else words
