"""Offers in the back office: what is sold, at which price, and how much of it (E9-E11)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from billing.admin.linking import count_link, linked_for, orders_url
from billing.admin.prices import PRICED, priced, terms_posted
from billing.admin.row_fields import RowsWidget, items_field, tiers_field
from billing.admin.subscriptions import money
from billing.admin.syncing import SyncButton
from billing.domain.enums import OfferType, Pricing
from billing.domain.prices import MAX_SEATS, OfferTerms
from billing.models import Offer, PriceTier
from billing.selectors.catalogue import offers_of_office
from billing.services.offers import offer_create, offer_update
from billing.stripe_catalogue import offer_told
from billing.terms import offer_terms_of
from config.kit.display import label
from licenses.admin.catalogue import CatalogueAdmin, JSONForm
from licenses.models import Plan
from trials.admin.program_fields import LinesField

MANAGE = "billing.manage_catalogue"
VIEW = "billing.view_offer"
UNPRICED = "Say how the price is found, in which currency, and how much."


class OfferForm(JSONForm):
    features = LinesField(label="Features", help_text="Lines of the price table, one a line.")
    tiers = tiers_field()
    components = items_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row = self.instance
        if row.pk:
            self.initial["tiers"] = [
                {name: getattr(tier, name) for name in ("up_to", "amount_minor", "factor", "per_unit")}
                for tier in row.tiers.all()
            ]
            self.initial["components"] = [
                {"plan": item.plan_id, "quantity": item.quantity, "managed_products": item.managed_products}
                for item in row.items.all()
            ]
        self._offer_plans(row.plan_id)

    def _offer_plans(self, kept: int | None) -> None:
        rows = Plan.objects.filter(active=True, archived=False) | Plan.objects.filter(pk=kept or 0)
        rows = rows.select_related("product").order_by("product__name", "tier_rank", "slug")
        plan: Any = self.fields.get("plan")
        if plan is not None:
            plan.queryset = rows
            plan.label_from_instance = _plan_words
        components = self.fields.get("components")
        if components is not None and isinstance(components.widget, RowsWidget):
            components.widget.options = [(str(row.pk), _plan_words(row)) for row in rows]


def _plan_words(row: Plan) -> str:
    return f"{row.product.name}: {row.name}"


def create(*, actor: str, at: datetime, **data: Any) -> Offer:
    return offer_create(**_given(data), actor=actor, at=at)


def update(*, offer: Offer, actor: str, at: datetime, **data: Any) -> Offer:
    return offer_update(offer=offer, **_given(data), actor=actor, at=at)


def _given(data: dict[str, Any]) -> dict[str, Any]:
    """The form calls the items of a bundle as the API does."""
    return {"items" if name == "components" else name: value for name, value in data.items()}


def checkouts_url(row: Offer) -> str:
    """The orders of an offer."""
    return orders_url(row, {"offer__id__exact": row.pk})


@admin.register(Offer)
class OfferAdmin(SyncButton, CatalogueAdmin):
    form = OfferForm
    create, update, argument = create, update, "offer"
    FIXED = ("slug",)
    list_display = ("name", "sells", "price", "term", "state", "held_shown", "synced")
    list_display_links = ("name",)
    list_filter = (
        ("active", BooleanRadioFilter),
        ("type", ChoicesDropdownFilter),
        ("plan__product", RelatedDropdownFilter),
        ("merchant", RelatedDropdownFilter),
        ("internal", BooleanRadioFilter),
        ("config_managed", BooleanRadioFilter),
    )
    search_fields = ("name", "slug", "lookup_key")
    search_help_text = "Name, slug or lookup key"
    ordering = ("position", "name")
    actions_list = ("sync",)
    prepopulated_fields = {"slug": ("name",)}
    change_form_outer_before_template = "admin/signet/billing_head.html"
    change_form_after_template = "admin/signet/offer_price.html"
    empty_title = "Nothing is sold yet"
    empty_text = "Add an offer: a plan at a price. Storefronts see it at once; Stripe after the next sync."
    fieldsets = (
        (None, {"fields": ("name", "slug", "lookup_key", "description", "features",
                           ("active", "internal"), ("default_for", "position"))}),
        ("What it brings", {"fields": ("plan", "components")}),
        ("Price", {"fields": (("type", "pricing"), ("amount_minor", "currency"), "per_unit", "tiers")}),
        ("Term", {"fields": (("interval", "interval_count"), "term_days",
                             "maintenance", ("maintenance_days", "maintenance_amount_minor"))}),
        ("Bounds", {"fields": ("default_seats", ("min_managed_products", "max_managed_products"),
                               "max_license_total")}),
        ("Who sells it", {"fields": ("merchant", "metadata")}),
    )  # fmt: skip

    class Media:
        css = {"all": ("signet/trials.css", "signet/generate.css")}

    # --- who may ----------------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW) or request.user.has_perm(MANAGE)

    def has_change_permission(self, request: HttpRequest, obj: Offer | None = None) -> bool:
        return request.user.has_perm(MANAGE) and not (obj is not None and obj.config_managed)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MANAGE)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj is not None else dict(self.prepopulated_fields)

    # --- price ------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        view = self.admin_site.admin_view(require_POST(self.price_view))
        return [path("price/", view, name="billing_offer_price"), *urls]

    def price_view(self, request: HttpRequest) -> HttpResponse:
        """What the form as it stands would cost: nothing is written."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        terms = self._terms(request)
        code = request.POST.get("_price_coupon", "").strip()[:50]
        price = priced(terms, _seats(request), code) if terms else {"refused": UNPRICED}
        return TemplateResponse(request, "admin/signet/offer_priced.html", {"price": price})

    def _terms(self, request: HttpRequest) -> OfferTerms | None:
        """What the form says about the price; for who cannot change the offer, what the offer says."""
        pk = request.GET.get("offer", "")
        row = self.get_queryset(request).filter(pk=pk).first() if pk.isdecimal() and len(pk) < 10 else None  # noqa: PLR2004 - of a key
        if row is not None and not self.has_change_permission(request, row):
            return offer_terms_of(row)
        form = self.get_form(request)(request.POST)
        form.full_clean()  # what else is wrong with it does not matter to the price
        data = form.cleaned_data
        return terms_posted(data, str(data.get("name", ""))) if all(name in data for name in PRICED) else None

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
                        extra_context: Any = None) -> Any:  # fmt: skip
        row = self.get_object(request, object_id) if object_id else None
        context = {
            "price_url": reverse("admin:billing_offer_price") + (f"?offer={row.pk}" if row else ""),
            "price_seats": _input(
                "_price_seats", "price-seats", str(row.default_seats if row else 1), "numeric"
            ),
            "price_coupon": _input("_price_coupon", "price-coupon", "", "text"),
            "links": _links(row) if row else (),
            "said": _said(row) if row else "",
        }
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **context})

    # --- for who only looks -----------------------------------------------------------------------

    @display(description="Steps of a tiered price")
    def tiers(self, row: Offer) -> SafeString | str:
        return lines(tier_words(tier, row.currency) for tier in row.tiers.all())

    @display(description="Components of a bundle")
    def components(self, row: Offer) -> SafeString | str:
        return lines(f"{item.quantity} x {_plan_words(item.plan)}" for item in row.items.all())

    # --- list -------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Offer]:
        return linked_for(offers_of_office(), request)

    @display(description="Sells")
    def sells(self, row: Offer) -> str:
        if row.plan is not None:
            return _plan_words(row.plan)
        return "Bundle: " + ", ".join(f"{item.quantity} x {item.plan.name}" for item in row.items.all())

    @display(description="Price")
    def price(self, row: Offer) -> str:
        return price_words(row)

    @display(description="Term")
    def term(self, row: Offer) -> str:
        return term_words(row)

    @display(description="State")
    def state(self, row: Offer) -> SafeString:
        marks = [label("on sale", "success") if row.active else label("off")]
        marks += [label("internal")] if row.internal else []
        marks += [label("default", "info")] if row.default_for else []
        marks += [label("by file")] if row.config_managed else []
        return format_html('<div class="sg-states">{}</div>', SafeString("".join(marks)))

    @display(description="Sold or held")
    def held_shown(self, row: Offer) -> SafeString:
        number = f"{vars(row)['held']:,}"
        words = number if row.max_license_total is None else f"{number} of {row.max_license_total:,}"
        return count_link(words, checkouts_url(row))

    @display(description="Stripe")
    def synced(self, row: Offer) -> SafeString:
        return sync_label(row.synced_at, changed=offer_told(row) != row.synced_sha256)


def sync_label(synced_at: datetime | None, *, changed: bool) -> SafeString:
    """When Stripe was told, unless it says something else by now."""
    if synced_at is None:
        return label("not synced", "warning")
    if changed:
        return label("changed since", "warning")
    return format_html('<span class="whitespace-nowrap">{}</span>', f"{synced_at:%Y-%m-%d}")


def lines(texts: Iterable[str]) -> SafeString | str:
    return format_html_join(mark_safe("<br>"), "{}", ((text,) for text in texts)) or "-"


def tier_words(tier: PriceTier, currency: str) -> str:
    """As up to 10: 50.00 EUR."""
    price = (
        money(tier.amount_minor, currency)
        if tier.amount_minor
        else f"{tier.factor.normalize():f} of the base"
    )
    return f"{tier}: {price}" + (" a seat" if tier.per_unit else "")


def price_words(row: Offer) -> str:
    """As 99.00 EUR a seat each year."""
    if row.pricing == Pricing.TIERED:
        words = f"{len(row.tiers.all())} steps, base {money(row.amount_minor, row.currency)}"
    else:
        words = money(row.amount_minor, row.currency) + (" a seat" if row.per_unit else "")
    return words


def term_words(row: Offer) -> str:
    if row.type == OfferType.SUBSCRIPTION:
        each = f"{row.interval_count} {row.interval}s" if row.interval_count > 1 else row.interval
        return f"each {each}"
    days = row.term_days if row.term_days is not None or row.plan is None else row.plan.duration_days
    if days is None:
        return "once, as the plans say"
    return f"once, {days:,} days" if days else "once, perpetual"


def _said(row: Offer) -> str:
    held = vars(row).get("held", 0)
    cap = "" if row.max_license_total is None else f" of {row.max_license_total:,}"
    words = [f"{held:,}{cap} units are sold or on their way."]
    words += ["The catalogue file keeps this offer: change it there."] if row.config_managed else []
    return " ".join([*words, sync_words(row.synced_at, changed=offer_told(row) != row.synced_sha256)])


def sync_words(synced_at: datetime | None, *, changed: bool) -> str:
    if synced_at is None:
        return "Stripe was not told of it yet: the next sync does."
    more = " It has changed since: the next sync tells Stripe." if changed else ""
    return f"Stripe was told on {synced_at:%Y-%m-%d %H:%M} UTC.{more}"


def _links(row: Offer) -> list[tuple[str, str]]:
    coupons = f"{reverse('admin:billing_coupon_changelist')}?{urlencode({'offers__id__exact': row.pk})}"
    orders = checkouts_url(row)
    return [*([("Its orders", orders)] if orders else []), ("Its coupons", coupons)]


def _seats(request: HttpRequest) -> int:
    text = request.POST.get("_price_seats", "").strip()
    return min(int(text), MAX_SEATS) if text.isdecimal() and len(text) <= len(str(MAX_SEATS)) else 1


def _input(name: str, element: str, value: str, mode: str) -> SafeString:
    widget: forms.Widget = UnfoldAdminTextInputWidget(
        attrs={"id": element, "inputmode": mode, "autocomplete": "off"}
    )
    return widget.render(name, value)
