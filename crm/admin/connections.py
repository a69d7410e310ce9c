"""Connections to an outside CRM: made, mapped, tried dry, switched, compared, removed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import update_wrapper
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from accounts.second_factor import second_factor_required
from config.kit import actors
from config.kit.admin import tell
from config.kit.clock import now
from config.kit.display import instant, page_of
from config.kit.errors import NotFound, Refusal
from config.kit.forms import ServiceForm, posted
from config.kit.pages import form_page
from config.kit.records import RecordAdmin
from crm.admin.connection_display import meaning_of, page_context, state_label
from crm.admin.connection_forms import ConnectForm, ConnectionForm, CredentialsForm, MappingForm
from crm.admin.guard import SectionGuard
from crm.domain.sync.fields import ObjectKind
from crm.gate import is_shown
from crm.models import Connection
from crm.services.sync_budget import Pace
from crm.services.sync_connections import (
    connection_create,
    connection_credentials,
    connection_delete,
    connection_detect,
    connection_map,
    connection_switch,
    connection_update,
)
from crm.services.sync_deciding import buried_retry, run_start, run_stop
from crm.services.sync_preview import sync_preview

MANAGE = "crm.manage_sync"
View = Callable[..., Any]
SEALED = ("token_sealed", "secret_sealed")
LIST = "admin:crm_connection_changelist"
PACE = Pace(clock=now, patience=timedelta(seconds=5))
"""Somebody waits for the page."""


def _for_managers(view: View) -> View:
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not request.user.has_perm(MANAGE):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return update_wrapper(guarded, view)


@admin.register(Connection)
class ConnectionAdmin(SectionGuard, RecordAdmin[Connection]):
    template = "admin/crm/connection.html"
    deeds = ("switch", "detect", "compare", "stop", "resend")
    list_display = ("name", "crm", "state", "since")
    ordering = ("name", "id")
    sortable_by = ()
    empty_title = "No outside CRM yet"
    empty_text = (
        "Connect Twenty or HubSpot: people, companies and tasks stand there, too, and stay up to date."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        rows: QuerySet[Connection] = super().get_queryset(request)
        return rows.defer(*SEALED)

    @display(description="CRM")
    def crm(self, row: Connection) -> str:
        return str(row.get_kind_display())

    @display(description="State")
    def state(self, row: Connection) -> SafeString:
        return state_label(row, now())

    @display(description="Asked last")
    def since(self, row: Connection) -> str:
        return instant(row.asked_at)

    # --- who may ----------------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may_manage = is_shown(request) and request.user.has_perm(MANAGE)
        return may_manage or super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_shown(request) and request.user.has_perm(MANAGE)

    def get_urls(self) -> list[URLPattern]:
        def own(route: str, name: str, view: View) -> URLPattern:
            guarded = self.admin_site.admin_view(_for_managers(view))
            found: URLPattern = path(f"<int:pk>/{route}/", guarded, name=f"crm_connection_{name}")
            return found

        return [
            own("edit", "edit", second_factor_required(self.edit_view)),
            own("credentials", "credentials", second_factor_required(self.credentials_view)),
            own("mapping/<str:kind>", "mapping", self.mapping_view),
            own("dry-run", "preview", self.preview_view),
            own("remove", "remove", second_factor_required(self.remove_view)),
            *super().get_urls(),
        ]

    # --- page of one ------------------------------------------------------------------------------

    def page(self, request: HttpRequest, row: Connection) -> dict[str, Any]:
        at = now()
        return {
            "title": row.name,
            "state": state_label(row, at),
            "meaning": meaning_of(row, at),
            "may_manage": request.user.has_perm(MANAGE),
            **page_context(row),
        }

    # --- making and changing ----------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        answer: HttpResponse = _for_managers(second_factor_required(self._add))(request)
        return answer

    def _add(self, request: HttpRequest) -> HttpResponse:
        form = ConnectForm(posted(request))
        by: dict[str, Any] = {"actor": actors.user(request.user), "at": now()}
        row = form.submit(request, lambda data: connection_create(**data, **by))
        if row is not None:
            messages.success(request, "It is connected. Read its fields next; nothing is sent yet.")
            return HttpResponseRedirect(page_of(row))
        return form_page(
            request, form, title="Connect a CRM", submit="Connect", opts=self.model._meta, back=reverse(LIST),
            consequences=(
                "Credentials are sealed and never shown again.",
                "Nothing is sent before its fields are read and you switch it on.",
            ),
        )  # fmt: skip

    def edit_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.row(request, pk)
        form = ConnectionForm(posted(request), row=row)
        by: dict[str, Any] = {"actor": actors.user(request.user), "at": now()}
        done = form.submit(
            request,
            lambda data: connection_update(connection=row, changes=form.changes(), token=data["token"], **by),
        )
        return self._after(
            request, row, done, form, title=f"Change {row.name}", submit="Save",
            consequences=(
                "Another address switches it off, and its fields are to be read again.",
                "Once records are linked, the address stays: make a new connection for another one.",
            ),
        )  # fmt: skip

    def credentials_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.row(request, pk)
        form = CredentialsForm(posted(request))
        by: dict[str, Any] = {"actor": actors.user(request.user), "pace": PACE}
        done = form.submit(request, lambda data: connection_credentials(connection=row, **data, **by))
        return self._after(
            request, row, done, form, title=f"Credentials of {row.name}", submit="Seal and keep",
            consequences=(
                "What was there before is gone. If it was paused for its credentials, it goes on at once.",
                "One of another workspace is refused: everybody would seem deleted.",
                "Make a new connection for it, or have all links forgotten.",
            ),
        )  # fmt: skip

    def mapping_view(self, request: HttpRequest, pk: int, kind: str) -> HttpResponse:
        row = self.row(request, pk)
        if kind not in set(ObjectKind) or not row.detected_at:
            raise Http404
        form = MappingForm(posted(request), row=row, kind=ObjectKind(kind))
        by: dict[str, Any] = {"actor": actors.user(request.user), "at": now()}
        done = form.submit(
            request,
            lambda _data: connection_map(connection=row, kind=ObjectKind(kind), chosen=form.chosen(), **by),
        )
        names = {"company": "companies", "person": "people", "task": "tasks"}
        return self._after(
            request, row, done, form, title=f"Fields of {names[kind]}", submit="Save",
            template="admin/crm/mapping.html",
            consequences=(
                "What you choose stays when the fields are read again.",
                "Where ours wins and somebody typed over there, what people type comes to the list of conflicts first.",
                "Facts of ours, such as the engagement, are written over.",
                "A task whose status changed only over there changes here, too.",
            ),
        )  # fmt: skip

    def remove_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.row(request, pk)
        form = ServiceForm(posted(request))
        by: dict[str, Any] = {"actor": actors.user(request.user), "at": now()}
        if form.submit(request, lambda _data: connection_delete(connection=row, **by)) is not None:
            messages.success(request, f"{row.name} is removed. Nothing changed over there.")
            return HttpResponseRedirect(reverse(LIST))
        return form_page(
            request, form, title=f"Remove {row.name}", submit="Remove", opts=self.model._meta, original=row,
            danger=True, back=page_of(row),
            consequences=(
                "Which record over there is which of ours is forgotten, and who was deleted there.",
                "Its credentials are destroyed. Records over there stay as they are.",
            ),
        )  # fmt: skip

    def _after(
        self, request: HttpRequest, row: Connection, done: Any, form: ServiceForm, **page: Any
    ) -> HttpResponse:
        if done is not None:
            messages.success(request, "Saved.")
            return HttpResponseRedirect(page_of(row))
        return form_page(request, form, opts=self.model._meta, original=row, back=page_of(row), **page)

    # --- doing ------------------------------------------------------------------------------------

    def preview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The dry run: asked for by POST, for it asks the CRM."""
        row = self.row(request, pk)
        form = ServiceForm(posted(request))
        found = form.submit(request, lambda _data: (sync_preview(connection=row, pace=PACE),))
        return form_page(
            request, form, title=f"Dry run of {row.name}", opts=self.model._meta, original=row, back=page_of(row),
            submit="Look again" if found else "Look", template="admin/crm/preview.html",
            found=[one for one in found[0] if one.says_something] if found else None,
            same=sum(1 for one in found[0] if not one.says_something) if found else 0,
            consequences=() if found else (
                "The next records that would be sent are looked up over there, 20 of a kind at most.",
                "What would be done stands here then. Nothing is written, here or there.",
            ),
        )  # fmt: skip

    def switch_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """On, or off: what was asked for stands on the button, so that a page left open does not undo it."""
        on = request.POST.get("enabled") == "1"
        said = "It is on. What changed since is sent now." if on else "It is off. What changes waits here."
        return self._do(
            request, pk, lambda row, by: connection_switch(connection=row, enabled=on, **by), said
        )

    def detect_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        def deed(row: Connection, by: dict[str, Any]) -> Any:
            return connection_detect(connection=row, actor=by["actor"], pace=PACE)

        return self._do(request, pk, deed, "Its fields are read. Look at where ours go.")

    def compare_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._do(
            request,
            pk,
            lambda row, by: run_start(connection=row, **by),
            "Everything is compared with the CRM now.",
        )

    def resend_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A record that was deleted over there, and that somebody has restored."""

        def deed(row: Connection, by: dict[str, Any]) -> Any:
            chosen = request.POST.get("link", "")
            link = row.links.filter(pk=int(chosen)).first() if chosen.isdecimal() else None
            if link is None:
                raise NotFound
            return buried_retry(link=link, **by)

        said = "It is looked up with the next batch. What is still deleted over there stays away."
        return self._do(request, pk, deed, said)

    def stop_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        said = "The comparison has ended. What changed is sent as ever."
        return self._do(request, pk, lambda row, by: run_stop(connection=row, **by), said)

    def _do(
        self, request: HttpRequest, pk: int, deed: Callable[[Connection, dict[str, Any]], Any], said: str
    ) -> HttpResponse:
        row = self.row(request, pk)
        if not request.user.has_perm(MANAGE):
            raise PermissionDenied
        try:
            deed(row, {"actor": actors.user(request.user), "at": now()})
        except Refusal as refusal:
            tell(request, refusal)
        else:
            messages.success(request, said)
        return HttpResponseRedirect(page_of(row))
