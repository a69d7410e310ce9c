"""Changes of tier (C29), to look at; one that waits for its renewal can be given up."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from billing.admin.subscriptions import money
from billing.domain.enums import TierChangeState
from billing.models import TierChange
from billing.services.tier_changes import tier_change_cancel
from config.kit import actors
from config.kit.clock import now
from config.kit.display import day, instant, label, link, mono
from config.kit.filters import DaysFilter
from config.kit.records import RecordAdmin
from licenses.admin.people import names_of

CHANGE = "billing.change_tier"
TONES = {
    TierChangeState.AWAITING_PAYMENT: "warning",
    TierChangeState.SCHEDULED: "info",
    TierChangeState.APPLIED: "success",
}
SENTENCES = {
    TierChangeState.QUOTED: "It was begun and not applied.",
    TierChangeState.AWAITING_PAYMENT: "It is made when its order is paid, and given up when that order ends.",
    TierChangeState.SCHEDULED: "It is made with the next renewal of the license.",
    TierChangeState.APPLIED: "The license has the new plan. Its keys stay as they are.",
    TierChangeState.CANCELLED: "It was given up. The license kept its plan.",
    TierChangeState.REVERTED: "Its money went back in full, and the license has its earlier plan again.",
}


@admin.register(TierChange)
class TierChangeAdmin(RecordAdmin[TierChange]):
    template = "admin/signet/tier_change.html"
    deeds = ("cancel",)
    list_display = ("license_shown", "account", "change", "due", "state_shown", "effective", "began")
    list_display_links = ("license_shown",)
    list_select_related = ("license__account", "from_plan", "to_plan")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("to_plan", RelatedDropdownFilter),
        ("created_at", DaysFilter),
    )
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    ordering = ("-id",)
    sortable_by = ()
    empty_title = "No license has changed its plan yet"
    empty_text = "Buyers change it through the storefront, staff on the page of a license."

    @display(description="License")
    def license_shown(self, row: TierChange) -> SafeString:
        return mono(row.license.public_id)

    @display(description="Account")
    def account(self, row: TierChange) -> str:
        return row.license.account.name

    @display(description="Change")
    def change(self, row: TierChange) -> str:
        return f"{row.from_plan.name} to {row.to_plan.name}"

    @display(description="Due")
    def due(self, row: TierChange) -> str:
        return due_in_words(row)

    @display(description="State")
    def state_shown(self, row: TierChange) -> SafeString:
        return state_label(row)

    @display(description="Takes effect")
    def effective(self, row: TierChange) -> SafeString | str:
        return day(row.effective_at)

    @display(description="Began")
    def began(self, row: TierChange) -> SafeString | str:
        return day(row.created_at)

    # --- page of one ------------------------------------------------------------------------------

    def page(self, request: HttpRequest, row: TierChange) -> dict[str, Any]:
        return {
            "title": f"{row.from_plan.name} to {row.to_plan.name}",
            "state": state_label(row),
            "meaning": SENTENCES[TierChangeState(row.state)],
            "facts": _facts(row),
            "can_cancel": request.user.has_perm(CHANGE) and row.state == TierChangeState.SCHEDULED,
        }

    # --- giving it up -----------------------------------------------------------------------------

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        row = self.row(request, pk)

        def cancel() -> None:
            tier_change_cancel(change=row, reason="by_staff", actor=actors.user(request.user), at=now())

        return self.done(request, row, cancel, SENTENCES[TierChangeState.CANCELLED])


def state_label(row: TierChange) -> SafeString:
    return label(row.state.replace("_", " "), TONES.get(TierChangeState(row.state), ""))


def due_in_words(row: TierChange) -> str:
    if row.forced:
        return "free, by staff"
    return money(row.amount_minor, row.currency)


def _facts(row: TierChange) -> list[tuple[str, Any]]:
    quote = row.quote
    share = ""
    if quote.get("period_days"):
        share = f", {quote['days_left']} of {quote['period_days']} days left"
    difference = money(abs(quote["difference_minor"]), row.currency) if quote else "-"
    return [
        ("License", link(row.license)),
        ("Account", link(row.license.account)),
        ("From", row.from_plan.name),
        ("To", row.to_plan.name),
        ("Offer", row.to_offer.name if row.to_offer else "the price stays"),
        ("Difference a period", difference + (" less" if quote and quote["difference_minor"] < 0 else "")),
        ("Due", due_in_words(row) + share),
        ("Order", link(row.checkout, str(row.checkout.uid)) if row.checkout else "-"),
        ("Subscription", link(row.subscription) if row.subscription else "-"),
        ("Stripe is told", instant(row.stripe_due_at, none="nothing more")),
        ("Takes effect", instant(row.effective_at)),
        ("Asked for by", names_of([row.actor])[row.actor]),
        ("Began", instant(row.created_at)),
        ("Ended", instant(row.ended_at)),
    ]
