"""Payments: the list with the totals of what it shows, and one payment with every part."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RelatedDropdownFilter

from billing.admin.payment_filters import CurrencyFilter, OrganizationFilter, SoldFilter
from billing.admin.revenue import revenue_view
from billing.domain.enums import PaymentState
from billing.domain.money import money_text
from billing.models import Fulfilment, Payment, StripeEvent
from billing.selectors.payments import EXPORT, Totals, totals_of
from config.kit.changelist import KeysetChangeList, KeysetList
from config.kit.display import instant, label, link, mono
from config.kit.exporting import ExportList
from config.kit.filters import DaysFilter
from config.kit.keyset import Order
from config.kit.records import RecordAdmin
from history.domain.sentences import sentence
from history.models import Event

TONES: dict[str, str] = {
    PaymentState.SETTLED: "success",
    PaymentState.PARTIALLY_REFUNDED: "warning",
    PaymentState.REFUNDED: "warning",
    PaymentState.DISPUTED: "danger",
    PaymentState.CHARGED_BACK: "danger",
}
MOST_EVENTS = 100
REVENUE = "billing.view_revenue"


class PaymentChangeList(KeysetChangeList):
    """With the totals of every row that search and filters leave, whatever page is shown."""

    @cached_property
    def totals(self) -> list[tuple[Totals, dict[str, str]]]:
        return [(line, amounts_of(line)) for line in totals_of(self.queryset)]


def amounts_of(line: Totals) -> dict[str, str]:
    """The sums of a line as people read them."""
    names = ("amount", "tax", "refunded", "net")
    return {name: money_text(getattr(line, f"{name}_minor"), line.currency) for name in names}


@admin.register(Payment)
class PaymentAdmin(ExportList, KeysetList, RecordAdmin[Payment]):
    template = "admin/signet/payment.html"
    list_display = (
        "paid",
        "amount",
        "state_shown",
        "offer_shown",
        "account_shown",
        "payer",
        "purpose_shown",
        "refunded",
    )
    list_select_related = ("offer", "account")
    list_orders = {"paid": Order("paid_at", descends=True), "amount": Order("amount_minor", descends=True)}
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("purpose", ChoicesDropdownFilter),
        SoldFilter,
        ("offer", RelatedDropdownFilter),
        OrganizationFilter,
        CurrencyFilter,
        ("merchant", RelatedDropdownFilter),
        ("counted", BooleanRadioFilter),
        ("paid_at", DaysFilter),
    )
    list_fullwidth = True
    list_before_template = "admin/signet/payments_head.html"
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    search_fields = ("reference",)
    search_help_text = (
        "A whole id at Stripe (session, invoice, intent, customer), or the address of the payer"
    )
    empty_title = "No payments yet"
    empty_text = "What Stripe reports as paid stands here, with the licenses that it brought."
    export_columns = EXPORT

    def list_order(self, params: Mapping[str, str]) -> Order:
        """As the report: what was paid last stands first, however late it was recorded."""
        return Order("paid_at", descends=True)

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[KeysetChangeList]:
        return PaymentChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Payment], search_term: str
    ) -> tuple[QuerySet[Payment], bool]:
        """By whole ids and addresses: a piece of one would be looked for in every row."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if not term.isprintable():
            return queryset.none(), False
        if "@" in term:
            return queryset.filter(customer_email__iexact=term), False
        names = ("reference", "invoice_ref", "intent_ref", "customer_ref", "dispute_ref")
        found = queryset.none()
        for name in names:
            found = found | queryset.filter(**{name: term})
        return found, False

    # --- list -------------------------------------------------------------------------------------

    @display(description="Paid")
    def paid(self, row: Payment) -> str:
        return instant(row.paid_at)

    @display(description="Amount")
    def amount(self, row: Payment) -> str:
        return money_text(row.amount_minor, row.currency)

    @display(description="State")
    def state_shown(self, row: Payment) -> SafeString:
        return state_label(row)

    @display(description="Offer")
    def offer_shown(self, row: Payment) -> str:
        return row.offer.name

    @display(description="Account")
    def account_shown(self, row: Payment) -> str:
        return row.account.name

    @display(description="Payer")
    def payer(self, row: Payment) -> str:
        return row.customer_name or row.customer_email or "-"

    @display(description="For")
    def purpose_shown(self, row: Payment) -> str:
        return row.get_purpose_display().replace("_", " ").lower()

    @display(description="Refunded")
    def refunded(self, row: Payment) -> str:
        return money_text(row.refunded_minor, row.currency) if row.refunded_minor else "-"

    # --- pages ------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_safe(self.revenue_view))
        return [path("revenue/", view, name="billing_payment_revenue"), *super().get_urls()]

    def revenue_view(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm(REVENUE):
            raise PermissionDenied
        return revenue_view(self.admin_site, request)

    def page(self, request: HttpRequest, row: Payment) -> dict[str, Any]:
        return {
            "title": f"{money_text(row.amount_minor, row.currency)} from {row.account.name}",
            "state": state_label(row),
            "facts": _facts(row),
            "stripe": _stripe(row),
            "licenses": _licenses(row),
            "events": _events(row) if request.user.has_perm("history.view_event") else None,
            "inbox": _inbox(row) if request.user.has_perm("billing.view_stripeevent") else None,
        }


def state_label(row: Payment) -> SafeString:
    return label(row.state.replace("_", " "), TONES[row.state])


def _facts(row: Payment) -> list[tuple[str, Any]]:
    quoted = "-" if row.expected_minor is None else money_text(row.expected_minor, row.currency)
    period = f"{instant(row.period_start)} to {instant(row.period_end)}" if row.period_end else "-"
    counted = "yes" if row.counted else "no: test mode, or a test or internal license"
    return [
        ("Amount", money_text(row.amount_minor, row.currency)),
        ("Paid", instant(row.paid_at)),
        ("Account", link(row.account, row.account.name)),
        ("Payer", f"{row.customer_name} {row.customer_email}".strip() or "-"),
        ("Offer", link(row.offer, row.offer.name)),
        ("For", row.get_purpose_display().replace("_", " ").lower()),
        ("Quoted", quoted),
        ("Tax", money_text(row.tax_minor, row.currency)),
        ("Refunded", money_text(row.refunded_minor, row.currency)),
        ("Period", period),
        ("In revenue", counted),
    ]


def _stripe(row: Payment) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [
        ("Session" if row.source == "checkout" else "Invoice", mono(row.reference)),
        ("Invoice", mono(row.invoice_ref)) if row.invoice_ref != row.reference else ("", ""),
        ("Payment intent", mono(row.intent_ref)),
        ("Customer", mono(row.customer_ref)),
        ("Subscription", link(row.subscription) if row.subscription else ""),
        ("Dispute", mono(row.dispute_ref) if row.dispute_ref else ""),
        ("Mode", "live" if row.livemode else "test"),
    ]
    return [(name, value) for name, value in facts if name and value]


def _licenses(row: Payment) -> list[tuple[SafeString, str]]:
    rows = Fulfilment.objects.filter(payment=row).order_by("position").select_related(
        "license__product", "license__plan", "issuance"
    )  # fmt: skip
    return [
        (link(item.license), f"{item.license.product.name}, {item.license.plan.name}, {item.license.status}")
        for item in rows
    ]


def _events(row: Payment) -> list[tuple[str, SafeString]]:
    """What history tells of it: settling, refunds, disputes."""
    found = Event.objects.filter(subject=f"payment:{row.uid}").order_by("id")[:MOST_EVENTS]
    return [
        (
            instant(event.at),
            format_html(
                '<a href="{}" class="text-link">{}</a> {}',
                reverse("admin:history_event_change", args=[event.pk]),
                event.kind,
                sentence(event.kind, event.data),
            ),
        )
        for event in found
    ]


def _inbox(row: Payment) -> list[tuple[str, SafeString]]:
    """What Stripe's webhooks said of its objects."""
    names = [name for name in (row.reference, row.invoice_ref, row.intent_ref, row.dispute_ref) if name]
    found = StripeEvent.objects.filter(object_id__in=names).defer("raw").order_by("id")[:MOST_EVENTS]
    return [
        (instant(event.received_at), format_html("{} {}", link(event, event.type), event.state))
        for event in found
    ]
