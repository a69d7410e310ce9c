"""Orders on their way (E14-E16), to look at; one that nobody pays can be taken back at once."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from billing.admin.subscriptions import money
from billing.domain.enums import CheckoutState
from billing.models import Checkout, Redemption
from billing.selectors.orders import checkouts_found
from billing.services.reaping import checkout_expire
from billing.services.reservations import ENDABLE
from config.kit import actors
from config.kit.clock import now
from config.kit.display import instant, label, link, mono
from config.kit.filters import DaysFilter
from config.kit.records import RecordAdmin
from licenses.admin.people import names_of

EXPIRE = "billing.refund_payment"
TONES = {
    CheckoutState.RESERVED: "warning",
    CheckoutState.OPEN: "info",
    CheckoutState.PROCESSING: "info",
    CheckoutState.PAID: "success",
    CheckoutState.FAILED: "danger",
}
SENTENCES = {
    CheckoutState.RESERVED: "Stripe has not answered yet. What it holds stays held until that is known.",
    CheckoutState.OPEN: "The buyer has an address to pay at. It is taken back 30 minutes after it began.",
    CheckoutState.PROCESSING: "The buyer is done, the money is still on its way.",
    CheckoutState.PAID: "It was paid, and delivered.",
    CheckoutState.EXPIRED: "Nobody paid. What it held is free again.",
    CheckoutState.FAILED: "It came to nothing. What it held is free again.",
}


@admin.register(Checkout)
class CheckoutAdmin(RecordAdmin[Checkout]):
    template = "admin/signet/checkout.html"
    deeds = ("expire",)
    list_display = ("began", "account", "offer", "purpose", "seats", "price", "coupon_code", "state_shown")
    list_display_links = ("began",)
    list_select_related = ("account", "offer", "coupon")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("purpose", ChoicesDropdownFilter),
        ("offer", RelatedDropdownFilter),
        ("coupon", RelatedDropdownFilter),
        ("created_at", DaysFilter),
    )
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    search_fields = ("session_id",)
    search_help_text = "Id of the session or subscription at Stripe, of the order, or slug of the account"
    ordering = ("-id",)
    sortable_by = ()
    empty_title = "Nobody has ordered yet"
    empty_text = "Every checkout session stands here from the moment a storefront asks for it."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Checkout], search_term: str
    ) -> tuple[QuerySet[Checkout], bool]:
        """By a whole id or slug: a piece of one would be looked for in every row."""
        return (checkouts_found(queryset, search_term) if search_term.strip() else queryset), False

    @display(description="Began")
    def began(self, row: Checkout) -> SafeString:
        return format_html('<span class="whitespace-nowrap">{}</span>', instant(row.created_at))

    @display(description="Seats")
    def seats(self, row: Checkout) -> int:
        return row.managed_products

    @display(description="Price")
    def price(self, row: Checkout) -> str:
        return money(row.amount_minor, row.currency)

    @display(description="Coupon")
    def coupon_code(self, row: Checkout) -> str:
        return row.coupon.code if row.coupon else "-"

    @display(description="State")
    def state_shown(self, row: Checkout) -> SafeString:
        return state_label(row)

    # --- page of one ------------------------------------------------------------------------------

    def may_expire(self, request: HttpRequest) -> bool:
        return request.user.has_perm(EXPIRE)

    def page(self, request: HttpRequest, row: Checkout) -> dict[str, Any]:
        return {
            "title": f"{row.offer.name} for {row.account.name if row.account else 'nobody yet'}",
            "state": state_label(row),
            "meaning": SENTENCES[CheckoutState(row.state)],
            "facts": _facts(row),
            "lines": [
                (line["label"], line["quantity"], money(line["amount_minor"], row.currency))
                for line in row.quote.get("lines", ())
            ],
            "total": money(row.amount_minor, row.currency),
            "can_expire": self.may_expire(request) and row.state in ENDABLE,
        }

    # --- taking it back ---------------------------------------------------------------------------

    def expire_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Stripe ends the session first; one that is found paid is settled instead."""
        if not self.may_expire(request):
            raise PermissionDenied
        row = self.row(request, pk)

        def expire() -> str:
            over = checkout_expire(checkout=row, actor=actors.user(request.user), at=now())
            return SENTENCES[CheckoutState(over.state)]

        return self.done(request, row, expire)


def state_label(row: Checkout) -> SafeString:
    return label(row.get_state_display().lower(), TONES.get(CheckoutState(row.state), ""))


def _facts(row: Checkout) -> list[tuple[str, Any]]:
    slot = Redemption.objects.filter(checkout=row).first()
    payment = row.payments.order_by("-pk").first()
    licenses = sorted({*_licenses(row)}, key=lambda one: one.pk)
    coupon = format_html("{} ({})", _linked(row.coupon), slot.state) if row.coupon and slot else "-"
    came = " / ".join(str(row.utm[name]) for name in ("source", "medium", "campaign") if row.utm.get(name))
    return [
        ("Account", link(row.account) if row.account else "-"),
        ("Offer", _linked(row.offer)),
        ("Purpose", row.get_purpose_display()),
        ("Seats", row.managed_products),
        ("Coupon", coupon),
        ("License", format_html("{} " * len(licenses), *map(link, licenses)) if licenses else "-"),
        ("Payment", _linked(payment) if payment else "-"),
        ("Session at Stripe", mono(row.session_id or "-")),
        ("Pay page", _pay_page(row)),
        ("Subscription at Stripe", mono(row.subscription_ref or "-")),
        ("Organisation", row.organization_name or "-"),
        ("Long name", row.organization_long_name or "-"),
        ("Cookie domain", row.cookie_domain or "-"),
        ("Came from", came or "not known"),
        ("Goes back to", row.success_url or "-"),
        ("Asked for by", names_of([row.actor])[row.actor]),
        ("Held until", instant(row.expires_at)),
        ("Ended", f"{instant(row.ended_at)} {row.state_reason.replace('_', ' ')}".strip()),
        ("Merchant profile", row.merchant.name),
        ("Order", mono(str(row.uid))),
    ]


def _pay_page(row: Checkout) -> SafeString | str:
    if row.state != CheckoutState.OPEN or not row.url:
        return "-"
    return format_html(
        '<a class="text-link sg-wrap" href="{}" rel="noreferrer noopener" target="_blank">{}</a>',
        row.url, "open it",
    )  # fmt: skip


def _licenses(row: Checkout) -> list[Any]:
    """What it paid for, and what was delivered."""
    delivered = [
        one.license for payment in row.payments.all() for one in payment.fulfilments.select_related("license")
    ]
    return [*delivered, *([row.license] if row.license else [])]


def _linked(row: Any) -> SafeString | str:
    """A row by name, with the way to its page where it has one."""
    return link(row) if admin.site.is_registered(type(row)) else str(row)
