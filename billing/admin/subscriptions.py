"""Cycles of payments (C28), to look at: they follow Stripe."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from billing.admin.payment_filters import CurrencyFilter, FiguresFilter, SoldFilter
from billing.domain.enums import SubscriptionState
from billing.domain.money import money_text
from billing.models import Payment, Subscription
from billing.services.renewing import licenses_of
from config.kit.display import day, instant, label, link, mono
from config.kit.filters import DaysFilter
from config.kit.records import RecordAdmin

TONES = {
    SubscriptionState.ACTIVE: "success",
    SubscriptionState.PAST_DUE: "warning",
    SubscriptionState.LAPSED: "danger",
}
SENTENCES = {
    SubscriptionState.ACTIVE: "Each paid invoice renews the license to the end of its period.",
    SubscriptionState.PAST_DUE: "An invoice was not paid. It lapses after the plan's billing grace.",
    SubscriptionState.LAPSED: "The billing grace is over. A payment after all would make it active again.",
    SubscriptionState.CANCELLED: "It is not renewed any more. The license lasts to the end of what was paid.",
}
MOST_PAYMENTS = 24


@admin.register(Subscription)
class SubscriptionAdmin(RecordAdmin[Subscription]):
    template = "admin/signet/subscription.html"
    list_display = ("name", "account", "offer", "state_shown", "price", "period_end_shown", "license_shown")
    list_display_links = ("name",)
    list_select_related = ("account", "offer", "license")
    list_filter = (
        FiguresFilter,
        ("state", ChoicesDropdownFilter),
        SoldFilter,
        CurrencyFilter,
        ("offer", RelatedDropdownFilter),
        ("merchant", RelatedDropdownFilter),
        ("period_end", DaysFilter),
    )
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    search_fields = ("stripe_id",)
    search_help_text = "Id of the subscription or customer at Stripe, or slug of the account"
    ordering = ("-id",)
    sortable_by = ()
    empty_title = "No subscriptions yet"
    empty_text = "Whoever buys a subscription offer gets one; it follows Stripe by itself."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Subscription], search_term: str
    ) -> tuple[QuerySet[Subscription], bool]:
        """By a whole id or slug: a piece of one would be looked for in every row."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if not term.isprintable():
            return queryset.none(), False
        found = queryset.filter(stripe_id=term) | queryset.filter(customer_ref=term)
        return found | queryset.filter(account__slug=term.lower()), False

    @display(description="Subscription")
    def name(self, row: Subscription) -> SafeString:
        return mono(row.stripe_id)

    @display(description="State")
    def state_shown(self, row: Subscription) -> SafeString:
        return state_label(row)

    @display(description="Price")
    def price(self, row: Subscription) -> str:
        return price_in_words(row)

    @display(description="Period ends")
    def period_end_shown(self, row: Subscription) -> SafeString | str:
        return day(row.period_end)

    @display(description="License")
    def license_shown(self, row: Subscription) -> SafeString | str:
        return link(row.license) if row.license else "-"

    # --- page of one ------------------------------------------------------------------------------

    def page(self, request: HttpRequest, row: Subscription) -> dict[str, Any]:
        payments = Payment.objects.filter(subscription=row).order_by("-paid_at", "-pk")[:MOST_PAYMENTS]
        return {
            "title": f"{row.offer.name} for {row.account.name}",
            "state": state_label(row),
            "meaning": SENTENCES[SubscriptionState(row.state)],
            "facts": _facts(row),
            "payments": [(payment, money(payment.amount_minor, payment.currency)) for payment in payments],
        }


def state_label(row: Subscription) -> SafeString:
    return label(row.state.replace("_", " "), TONES.get(SubscriptionState(row.state), ""))


def money(amount_minor: int, currency: str) -> str:
    """An amount as people read it, as 99.00 EUR."""
    return money_text(amount_minor, currency)


def price_in_words(row: Subscription) -> str:
    """The price of a period, as it was frozen at the start."""
    each = f"{row.interval_count} {row.interval}s" if row.interval_count > 1 else row.interval
    return f"{money(row.amount_minor, row.currency)} / {each}"


def _facts(row: Subscription) -> list[tuple[str, Any]]:
    licenses = [link(license_) for license_ in licenses_of(row)]
    return [
        ("Account", link(row.account)),
        ("Offer", row.offer.name),
        ("Licenses", format_html("{} " * len(licenses), *licenses) if licenses else "-"),
        ("Price", f"{price_in_words(row)}, as it was at the start"),
        ("Seats", row.managed_products),
        ("Period", f"{instant(row.period_start)} to {instant(row.period_end)}"),
        ("Ends with its period", "yes" if row.cancel_at_period_end else "no"),
        ("Past due since", instant(row.past_due_since)),
        ("Ended", instant(row.ended_at)),
        ("Started", instant(row.started_at)),
        ("At Stripe", mono(f"{row.stripe_id} ({row.stripe_status})")),
        ("Customer at Stripe", mono(row.customer_ref or "-")),
        ("Merchant profile", row.merchant.name),
    ]
