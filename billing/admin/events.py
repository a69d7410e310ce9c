"""The inbox of Stripe's webhook events: where each one stands, why it waits, and working on it again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter
from unfold.decorators import action

from billing.domain.enums import InboxState
from billing.domain.masking import readable
from billing.domain.parking import Reason, words_of
from billing.models import StripeEvent
from billing.services.inbox import event_rerun
from config.kit import actors
from config.kit.clock import now
from config.kit.display import instant, label, mono
from config.kit.errors import Refusal
from config.kit.filters import DaysFilter
from config.kit.records import RecordAdmin
from config.kit.sealing import unseal

RERUN = "billing.refund_payment"
TONES = {InboxState.RECEIVED: "info", InboxState.DONE: "success", InboxState.PARKED: "danger"}
SENTENCES = {
    InboxState.DONE: "It was worked on.",
    InboxState.RECEIVED: "It is worked on within seconds.",
}


class ReasonFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(reason), str(reason).replace("_", " ")) for reason in Reason]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = {str(reason) for reason in Reason}
        return queryset.filter(reason=self.value()) if self.value() in known else queryset


@admin.register(StripeEvent)
class StripeEventAdmin(RecordAdmin[StripeEvent]):
    template = "admin/signet/stripe_event.html"
    deeds = ("rerun",)
    list_display = ("received", "type_shown", "state_shown", "why", "object_shown", "attempts", "next_shown")
    list_display_links = ("type_shown",)
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ReasonFilter,
        ("merchant", RelatedDropdownFilter),
        ("received_at", DaysFilter),
    )
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    search_fields = ("event_id",)
    search_help_text = "Id of the event, or of what it is about, as Stripe writes it"
    ordering = ("-id",)
    sortable_by = ()
    empty_title = "Stripe has told nothing yet"
    empty_text = "Every webhook event stands here, with what became of it. Parked ones wait for a person."
    actions = ("rerun_chosen",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[StripeEvent]:
        rows: QuerySet[StripeEvent] = super().get_queryset(request)
        return rows.defer("raw")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[StripeEvent], search_term: str
    ) -> tuple[QuerySet[StripeEvent], bool]:
        """By a whole id: a piece of one would be looked for in every row."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if not term.isprintable():
            return queryset.none(), False
        return queryset.filter(event_id=term) | queryset.filter(object_id=term), False

    # --- list -------------------------------------------------------------------------------------

    @display(description="Received")
    def received(self, row: StripeEvent) -> SafeString:
        return format_html('<span class="whitespace-nowrap">{}</span>', instant(row.received_at))

    @display(description="Type")
    def type_shown(self, row: StripeEvent) -> str:
        return row.type or "unreadable"

    @display(description="State")
    def state_shown(self, row: StripeEvent) -> SafeString:
        return state_label(row)

    @display(description="Why")
    def why(self, row: StripeEvent) -> SafeString:
        return format_html(
            '<span class="sg-wrap">{}</span>', row.reason.replace("_", " ") or row.detail[:80] or "-"
        )

    @display(description="About")
    def object_shown(self, row: StripeEvent) -> SafeString:
        return mono(row.object_id or "-")

    @display(description="Next try")
    def next_shown(self, row: StripeEvent) -> str:
        return instant(row.due_at) if row.state == InboxState.RECEIVED else "-"

    # --- who may ----------------------------------------------------------------------------------

    def has_rerun_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(RERUN)

    # --- page of one ------------------------------------------------------------------------------

    def page(self, request: HttpRequest, row: StripeEvent) -> dict[str, Any]:
        return {
            "title": row.type or "Unreadable event",
            "state": state_label(row),
            "meaning": meaning(row),
            "facts": _facts(row),
            "body": _body(row),
            "can_rerun": self.has_rerun_permission(request) and row.state != InboxState.RECEIVED,
        }

    # --- working on it again ----------------------------------------------------------------------

    def rerun_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_rerun_permission(request):
            raise PermissionDenied
        row, said = self.row(request, pk), "It is worked on again. Look again in a moment."
        return self.done(request, row, lambda: _rerun(request, row), said)

    @action(description="Work on again", permissions=["rerun"])  # type: ignore[untyped-decorator] # unfold ships no types
    def rerun_chosen(self, request: HttpRequest, queryset: QuerySet[StripeEvent]) -> None:
        said = "worked on again. Look again in a moment."
        self.done_with_each(
            request, queryset, lambda row: _rerun(request, row), said=said, refused="not run again"
        )


def _rerun(request: HttpRequest, row: StripeEvent) -> None:
    event_rerun(event=row, actor=actors.user(request.user), at=now())


def state_label(row: StripeEvent) -> SafeString:
    """The state as a coloured word; waiting after a failure is another thing than being new."""
    if row.state == InboxState.RECEIVED and row.attempts:
        return label("retrying", "warning")
    return label(row.state, TONES.get(InboxState(row.state), ""))


def meaning(row: StripeEvent) -> str:
    """What became of an event, in a sentence."""
    if row.reason:
        return words_of(row.reason)
    if row.state == InboxState.RECEIVED and row.attempts:
        return f"The last try failed. It is tried again on {instant(row.due_at)}."
    return SENTENCES.get(InboxState(row.state), "")


def _facts(row: StripeEvent) -> list[tuple[str, Any]]:
    found = [
        ("Event", mono(row.event_id)),
        ("About", mono(row.object_id or "-")),
        ("Merchant profile", row.merchant.name),
        ("Account at Stripe", mono(row.stripe_account) if row.stripe_account else "the profile's own"),
        ("Mode", "live" if row.livemode else "test"),
        ("API version", row.api_version or "-"),
        ("Happened", instant(row.created_at)),
        ("Received", instant(row.received_at)),
        ("Attempts", row.attempts),
        ("Ended", instant(row.done_at)),
    ]
    return [*found, ("Detail", row.detail)] if row.detail else found


def _body(row: StripeEvent) -> str:
    try:
        return readable(unseal(bytes(row.raw)))
    except Refusal as refusal:  # the key-encryption key is missing: the page is still worth looking at
        return refusal.detail
