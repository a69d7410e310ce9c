"""Purchases on their way to the event bus: what was published, what waits, and publishing it again (E20)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action

from config.kit import actors
from config.kit.clock import now
from config.kit.display import instant, label, link, mono
from config.kit.filters import DaysFilter
from config.kit.records import RecordAdmin
from notifications.admin.webhook_display import pretty
from notifications.domain.bus import subject_of
from notifications.models import BusMessage
from notifications.services.bus import message_resend

RESEND = "billing.refund_payment"
State = BusMessage.State
TONES: dict[str, str] = {
    State.QUEUED: "info",
    State.CLAIMED: "info",
    State.SENT: "success",
    State.DEAD: "danger",
}
WORDS: dict[str, str] = {State.QUEUED: "waiting", State.CLAIMED: "publishing", State.SENT: "published"}


def state_label(row: BusMessage) -> SafeString:
    return label(WORDS.get(row.state, "given up"), TONES[row.state])


def what_next(row: BusMessage) -> str:
    """What happens with a message, in a sentence."""
    if row.state == State.SENT:
        return f"The bus has it since {instant(row.sent_at)}, as number {row.sequence} of {row.stream}."
    if row.state == State.DEAD:
        return "The bus refused it again and again. It waits for somebody to publish it again."
    if row.state == State.CLAIMED:
        return "It is being published at this moment."
    return f"It is published as soon as the bus takes it; next on {instant(row.due_at)}."


@admin.register(BusMessage)
class BusMessageAdmin(RecordAdmin[BusMessage]):
    template = "admin/signet/bus_message.html"
    deeds = ("resend",)
    list_display = ("written", "license_shown", "account_shown", "cause", "state_shown", "attempts", "why")
    list_display_links = ("written",)
    list_select_related = ("issuance__license__account",)
    list_filter = (("state", ChoicesDropdownFilter), ("created_at", DaysFilter))
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    search_fields = ("message_id",)
    search_help_text = "The message's id, which is the jti of the issuance"
    ordering = ("-id",)
    sortable_by = ()
    empty_title = "Nothing was published yet"
    empty_text = (
        "A license that a purchase issues or renews is told to the event bus. What staff, the API, the command "
        "line or a trial issue is not."
    )
    actions = ("resend_chosen",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BusMessage]:
        rows: QuerySet[BusMessage] = super().get_queryset(request)
        return rows.select_related("issuance__license__account").defer("body")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[BusMessage], search_term: str
    ) -> tuple[QuerySet[BusMessage], bool]:
        """By the whole id: a piece of it would be looked for in every row."""
        term = search_term.strip()
        if not term:
            return queryset, False
        return (queryset.filter(message_id=term) if term.isprintable() else queryset.none()), False

    # --- list -------------------------------------------------------------------------------------

    @display(description="Written")
    def written(self, row: BusMessage) -> SafeString:
        return format_html('<span class="whitespace-nowrap">{}</span>', instant(row.created_at))

    @display(description="License")
    def license_shown(self, row: BusMessage) -> SafeString:
        return link(row.issuance.license)

    @display(description="Account")
    def account_shown(self, row: BusMessage) -> str:
        return row.issuance.license.account.name

    @display(description="Because of")
    def cause(self, row: BusMessage) -> str:
        return "a renewal" if row.issuance.cause == row.issuance.Cause.RENEW else "a purchase"

    @display(description="State")
    def state_shown(self, row: BusMessage) -> SafeString:
        return state_label(row)

    @display(description="Last answer")
    def why(self, row: BusMessage) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', row.last_error[:80] or "-")

    # --- who may ----------------------------------------------------------------------------------

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(RESEND)

    # --- page of one ------------------------------------------------------------------------------

    def page(self, request: HttpRequest, row: BusMessage) -> dict[str, Any]:
        return {
            "title": f"{row.name}, {row.issuance.license.public_id}",
            "state": state_label(row),
            "meaning": what_next(row),
            "facts": _facts(row),
            "body": pretty(row.body),
            "can_resend": self.has_resend_permission(request) and row.state != State.CLAIMED,
        }

    # --- publishing again -------------------------------------------------------------------------

    def resend_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_resend_permission(request):
            raise PermissionDenied
        row, said = self.row(request, pk), "It is on its way again. Look again in a moment."
        return self.done(request, row, lambda: _resend(request, row), said)

    @action(description="Publish again", permissions=["resend"])  # type: ignore[untyped-decorator] # unfold ships no types
    def resend_chosen(self, request: HttpRequest, queryset: QuerySet[BusMessage]) -> None:
        self.done_with_each(
            request,
            queryset,
            lambda row: _resend(request, row),
            said="on the way again.",
            refused="not published",
        )


def _resend(request: HttpRequest, row: BusMessage) -> None:
    message_resend(message=row, actor=actors.user(request.user), at=now())


def _facts(row: BusMessage) -> list[tuple[str, Any]]:
    license_ = row.issuance.license
    return [
        ("License", link(license_)),
        ("Account", link(license_.account)),
        ("Issuance", format_html('<a href="{}" class="text-link">{}</a>', _issuance(row), row.message_id)),
        ("Subject", mono(subject_of(settings.NATS_SUBJECT, row.message_id))),
        ("Written", instant(row.created_at)),
        ("Attempts", f"{row.attempts:,}"),
        ("Last answer", row.last_error or "-"),
    ]


def _issuance(row: BusMessage) -> str:
    return reverse("admin:licenses_issuance_change", args=[row.issuance_id])
