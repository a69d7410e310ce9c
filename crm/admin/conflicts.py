"""Fields that changed here and over there: what each side says, and who is right."""

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

from config.kit import actors
from config.kit.clock import now
from config.kit.display import instant, label, link
from config.kit.records import RecordAdmin
from crm.admin.guard import SectionGuard
from crm.admin.sync_objects import named, object_name
from crm.domain.sync.fields import BY_NAME, ObjectKind
from crm.gate import is_shown
from crm.models import SyncConflict
from crm.services.sync_deciding import OURS, THEIRS, conflict_settle
from licenses.admin.people import names_of

MANAGE = "crm.manage_sync"
STATES = {
    "": ("open", "warning"),
    "ours": ("ours", "success"),
    "theirs": ("theirs", "success"),
    "moot": ("settled itself", ""),
}


@admin.register(SyncConflict)
class SyncConflictAdmin(SectionGuard, RecordAdmin[SyncConflict]):
    template = "admin/crm/conflict.html"
    deeds = ("ours", "theirs")
    list_display = (
        "object_shown",
        "field_shown",
        "ours_shown",
        "theirs_shown",
        "connection",
        "state_shown",
        "since",
    )
    list_display_links = ("object_shown",)
    list_select_related = ("connection",)
    list_filter = (("resolution", ChoicesDropdownFilter), ("connection", RelatedDropdownFilter))
    show_facets = admin.ShowFacets.NEVER
    ordering = ("resolution", "-id")
    sortable_by = ()
    empty_title = "Nothing is disputed"
    empty_text = (
        "A field that people change here and over there at once comes here, instead of one side losing it."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncConflict]:
        rows: QuerySet[SyncConflict] = super().get_queryset(request)
        return named(rows)

    @display(description="Record")
    def object_shown(self, row: SyncConflict) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', object_name(row))

    @display(description="Field")
    def field_shown(self, row: SyncConflict) -> str:
        field = BY_NAME.get((ObjectKind(row.kind), row.field))
        return field.label if field else row.field

    @display(description="Ours")
    def ours_shown(self, row: SyncConflict) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', row.ours[:80] or "nothing")

    @display(description="Theirs")
    def theirs_shown(self, row: SyncConflict) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', row.theirs[:80] or "nothing")

    @display(description="State")
    def state_shown(self, row: SyncConflict) -> SafeString:
        return label(*STATES[row.resolution])

    @display(description="Since")
    def since(self, row: SyncConflict) -> str:
        return instant(row.at)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may_manage = is_shown(request) and request.user.has_perm(MANAGE)
        return may_manage or super().has_view_permission(request, obj)

    def page(self, request: HttpRequest, row: SyncConflict) -> dict[str, Any]:
        facts: list[tuple[str, Any]] = [
            ("Record", object_name(row)),
            ("CRM", link(row.connection)),
            ("Since", instant(row.at)),
        ]
        if row.resolution:
            who = names_of([row.resolved_by])[row.resolved_by]
            facts.append(("Decided", f"{instant(row.resolved_at)} by {who}"))
        return {
            "title": f"{self.field_shown(row)} in dispute",
            "state": self.state_shown(row),
            "meaning": "Nothing is sent or taken in this field until you decide."
            if not row.resolution
            else "",
            "facts": facts,
            "can_settle": not row.resolution and request.user.has_perm(MANAGE),
        }

    def ours_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._settle(request, pk, OURS, "Ours is sent within a minute.")

    def theirs_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._settle(request, pk, THEIRS, "Theirs stands here, too.")

    def _settle(self, request: HttpRequest, pk: int, choice: str, said: str) -> HttpResponse:
        if not request.user.has_perm(MANAGE):
            raise PermissionDenied
        row, by = self.row(request, pk), actors.user(request.user)
        return self.done(
            request, row, lambda: conflict_settle(conflict=row, choice=choice, actor=by, at=now()), said
        )
