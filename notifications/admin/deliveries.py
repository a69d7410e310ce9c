"""The log of webhook deliveries: what was sent where, what came back, and sending it again (C31)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RelatedDropdownFilter,
    TextFilter,
)
from unfold.decorators import action

from config.kit import actors
from config.kit.clock import now
from config.kit.display import instant, link
from config.kit.errors import Refusal
from config.kit.filters import DaysFilter
from config.kit.records import RecordAdmin
from history.domain.kinds import KINDS
from notifications.admin.webhook_display import delivery_label, pretty, status_label, what_next
from notifications.domain import standard_webhooks
from notifications.domain.webhook_attempts import ATTEMPTS
from notifications.models import Delivery, DeliveryAttempt
from notifications.selectors.webhooks import SEALED, attempts_of, host_of, secrets_of
from notifications.services.replaying import delivery_replay

MANAGE = "notifications.manage_webhook"


class KindFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    title = "kind of event"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind, kind) for kind in sorted(KINDS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() in KINDS else queryset


class SubjectFilter(TextFilter):  # type: ignore[misc] # unfold ships no types
    """Deliveries about one thing: `license:L-…`."""

    title = "subject"
    parameter_name = "subject"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        if not value:
            return queryset
        return queryset.filter(event__subject=value) if value.isprintable() else queryset.none()


@admin.register(Delivery)
class DeliveryAdmin(RecordAdmin[Delivery]):
    template = "admin/signet/delivery.html"
    deeds = ("replay",)
    list_display = (
        "written",
        "kind_shown",
        "endpoint_shown",
        "state_shown",
        "attempts",
        "answer",
        "next_shown",
    )
    list_display_links = ("kind_shown",)
    list_select_related = ("endpoint", "event")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("endpoint", RelatedDropdownFilter),
        KindFilter,
        SubjectFilter,
        ("created_at", DaysFilter),
    )
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    search_fields = ("uid",)
    search_help_text = "The webhook-id, as the receiver knows it"
    ordering = ("-id",)
    sortable_by = ()
    empty_title = "Nothing was sent yet"
    empty_text = "Every event that a webhook endpoint asks for stands here, with what the receiver answered."
    actions = ("replay_chosen",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows: QuerySet[Delivery] = super().get_queryset(request)
        return rows.defer(*(f"endpoint__{name}" for name in SEALED))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        """By the whole id: a piece of it would be looked for in every row."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(uid=UUID(term)), False
        except ValueError:
            return queryset.none(), False

    # --- list -------------------------------------------------------------------------------------

    @display(description="Written")
    def written(self, row: Delivery) -> SafeString:
        return format_html('<span class="whitespace-nowrap">{}</span>', instant(row.created_at))

    @display(description="Event")
    def kind_shown(self, row: Delivery) -> SafeString:
        return format_html('<span title="{}">{}</span>', row.event.subject if row.event else "", row.kind)

    @display(description="Endpoint")
    def endpoint_shown(self, row: Delivery) -> SafeString | str:
        return f"{row.endpoint.name} (deleted)" if row.endpoint.deleted_at else link(row.endpoint)

    @display(description="State")
    def state_shown(self, row: Delivery) -> SafeString:
        return delivery_label(row)

    @display(description="Answer")
    def answer(self, row: Delivery) -> SafeString:
        said = row.last_error or (str(row.last_status) if row.last_status else "-")
        return format_html('<span class="sg-wrap">{}</span>', said[:80])

    @display(description="Next attempt")
    def next_shown(self, row: Delivery) -> str:
        return instant(row.due_at) if row.state == Delivery.State.QUEUED else "-"

    # --- who may ----------------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("notifications.view_delivery") or request.user.has_perm(MANAGE)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MANAGE)

    # --- page of one ------------------------------------------------------------------------------

    def page(self, request: HttpRequest, row: Delivery) -> dict[str, Any]:
        log = list(attempts_of(row))
        off = row.endpoint.deleted_at is not None or not row.endpoint.enabled
        may = self.has_replay_permission(request)
        return {
            "title": f"{row.kind} to {row.endpoint.name}",
            "state": delivery_label(row),
            "meaning": what_next(row, now()),
            "facts": _facts(request, row),
            "headers": _headers(row, log[-1]) if log else {},
            "host": host_of(row.endpoint),
            "body": pretty(row.body),
            "log": [(attempt, status_label(attempt)) for attempt in log],
            "can_replay": may and not off and row.state != Delivery.State.CLAIMED,
            "is_off": off and may,
        }

    # --- sending again ----------------------------------------------------------------------------

    def replay_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_replay_permission(request):
            raise PermissionDenied
        row, said = self.row(request, pk), "It is on its way again. Look again in a moment."
        return self.done(request, row, lambda: _replay(request, row), said)

    @action(description="Send again", permissions=["replay"])  # type: ignore[untyped-decorator] # unfold ships no types
    def replay_chosen(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self.done_with_each(
            request, queryset, lambda row: _replay(request, row), said="on the way again.", refused="not sent"
        )


def _replay(request: HttpRequest, row: Delivery) -> None:
    delivery_replay(delivery=row, actor=actors.user(request.user), at=now())


def _headers(row: Delivery, attempt: DeliveryAttempt) -> dict[str, str]:
    """The headers of an attempt, signed with the secret in force now; none when the secret is gone."""
    if row.endpoint.deleted_at is not None:
        return {}
    body = row.body.encode()
    try:
        secrets = secrets_of(row.endpoint, at=attempt.at)
    except Refusal:  # the key-encryption key is missing: the page is still worth looking at
        return {}
    return {
        "Host": host_of(row.endpoint),
        **standard_webhooks.headers(
            secrets[:1], message_id=str(row.uid), timestamp=int(attempt.at.timestamp()), body=body
        ),
        "Content-Length": str(len(body)),
    }


def _facts(request: HttpRequest, row: Delivery) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [
        ("webhook-id", format_html('<span class="sg-mono">{}</span>', row.uid)),
        ("Endpoint", row.endpoint.name if row.endpoint.deleted_at else link(row.endpoint)),
        ("Written", instant(row.created_at)),
        ("Attempts", f"{row.attempts} of {ATTEMPTS if row.event_id else 1}"),
    ]
    if row.event is not None:
        subject: Any = row.event.subject
        if request.user.has_perm("history.view_event"):
            subject = format_html(
                '<a href="{}" class="text-link">{}</a>',
                reverse("admin:history_event_change", args=[row.event.pk]),
                row.event.subject,
            )
        facts.append(("About", subject))
    return facts
