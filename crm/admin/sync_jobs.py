"""The queue of the sync: what waits, what failed and why, and the button that sends it again."""

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
from unfold.decorators import action

from config.kit import actors
from config.kit.clock import now
from config.kit.display import instant, label, link
from config.kit.records import RecordAdmin
from crm.admin.guard import SectionGuard
from crm.admin.sync_objects import named, object_name
from crm.domain.sync.retrying import ATTEMPTS
from crm.gate import is_shown
from crm.models import SyncJob
from crm.services.sync_deciding import jobs_retry

MANAGE = "crm.manage_sync"
TONES = {SyncJob.State.FAILED: "danger", SyncJob.State.CLAIMED: "info"}
WORDS = {SyncJob.State.CLAIMED: "sending"}
CLASSES = {
    "rate_limited": "a limit over there",
    "transient": "it may pass",
    "authentication": "credentials",
    "rejected": "refused as it is",
    "gone": "deleted there",
}


@admin.register(SyncJob)
class SyncJobAdmin(SectionGuard, RecordAdmin[SyncJob]):
    template = "admin/crm/sync_job.html"
    deeds = ("retry",)
    list_display = (
        "object_shown",
        "connection",
        "state_shown",
        "class_shown",
        "message_shown",
        "attempts",
        "next_shown",
    )
    list_display_links = ("object_shown",)
    list_select_related = ("connection",)
    list_filter = (("state", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter),
                   ("failure", ChoicesDropdownFilter), ("connection", RelatedDropdownFilter))  # fmt: skip
    show_facets = admin.ShowFacets.NEVER
    ordering = ("-id",)
    sortable_by = ()
    actions = ("retry_chosen",)
    empty_title = "Nothing waits"
    empty_text = "Everything that was to be sent stands over there."

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncJob]:
        rows: QuerySet[SyncJob] = super().get_queryset(request)
        return named(rows)

    @display(description="Record")
    def object_shown(self, row: SyncJob) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', object_name(row))

    @display(description="State")
    def state_shown(self, row: SyncJob) -> SafeString:
        return label(WORDS.get(SyncJob.State(row.state), row.state), TONES.get(SyncJob.State(row.state), ""))

    @display(description="Kind of failure")
    def class_shown(self, row: SyncJob) -> str:
        return CLASSES.get(row.failure, "-")

    @display(description="What the CRM said")
    def message_shown(self, row: SyncJob) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', row.message[:120] or "-")

    @display(description="Next attempt")
    def next_shown(self, row: SyncJob) -> str:
        return "-" if row.state == SyncJob.State.FAILED else instant(row.due_at)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may_manage = is_shown(request) and request.user.has_perm(MANAGE)
        return may_manage or super().has_view_permission(request, obj)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MANAGE)

    def page(self, request: HttpRequest, row: SyncJob) -> dict[str, Any]:
        failed = row.state == SyncJob.State.FAILED
        return {
            "title": object_name(row),
            "state": self.state_shown(row),
            "meaning": (
                "It waits for somebody: put it right and it is sent again by itself, or send it again now."
                if failed
                else "It is sent by itself."
            ),
            "facts": [
                ("Record", object_name(row)),
                ("Kind", row.kind),
                ("CRM", link(row.connection)),
                ("Attempts", f"{row.attempts} of {ATTEMPTS}"),
                ("Kind of failure", CLASSES.get(row.failure, "-")),
                ("What the CRM said", row.message or "-"),
                ("Next attempt", self.next_shown(row)),
                ("Queued", instant(row.created_at)),
            ],
            "can_retry": failed and self.has_retry_permission(request),
        }

    def retry_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_retry_permission(request):
            raise PermissionDenied
        row = self.row(request, pk)
        return self.done(request, row, lambda: _retry(request, row), "It is sent again within a minute.")

    @action(description="Send again", permissions=["retry"])  # type: ignore[untyped-decorator] # unfold ships no types
    def retry_chosen(self, request: HttpRequest, queryset: QuerySet[SyncJob]) -> None:
        self.done_with_each(
            request, queryset, lambda row: _retry(request, row), said="sent again.", refused="not sent"
        )


def _retry(request: HttpRequest, row: SyncJob) -> None:
    jobs_retry(jobs=[row], actor=actors.user(request.user), at=now())
