"""Lists of the admin under a name: one's own, and those that others share. Mixed into an admin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from accounts.models import SavedView, User
from accounts.services.saved_views import may_change, saved_view_create, saved_view_delete, saved_view_update
from config.kit.changelist import ListPreset, list_query
from config.kit.clock import now
from config.kit.forms import ServiceForm, posted, switch, text
from config.kit.pages import form_page

SHARED_HELP = "Everybody who may open this list sees the view; only you change it."


class ViewForm(ServiceForm):
    """A new view, or one that is there already: then its filters may be taken over from the list as it is now."""

    ALIASES = {"query": "name"}
    name = text("Name", max_length=60, required=True)
    shared = switch("Share with everybody", SHARED_HELP)
    replace = switch("Take over the present filters", "In place of those that were saved.")

    def __init__(self, data: Any, *, view: SavedView | None = None, query: str = "") -> None:
        initial = {} if view is None else {"name": view.name, "shared": view.shared}
        super().__init__(data, initial=initial)
        if view is None or not query or view.query == query:
            del self.fields["replace"]


@dataclass(frozen=True, slots=True)
class ViewLine:
    """A view as the menu shows it."""

    view: SavedView
    mine: bool
    editable: bool
    active: bool
    edit_url: str
    export_url: str

    @property
    def address(self) -> str:
        return f"?{self.view.query}"


class SavedViews:
    """The row above a list: ready-made lists, saved views, what is filtered for, the list as a file."""

    model: Any
    list_before_template = "admin/signet/list_head.html"
    list_presets: Sequence[ListPreset] = ()

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc] # mixed into a ModelAdmin
        own = [
            path("views/save/", admin.site.admin_view(self.view_save), name=f"{self._list_name}_view_save"),
            path(
                "views/<int:pk>/", admin.site.admin_view(self.view_edit), name=f"{self._list_name}_view_edit"
            ),
        ]
        return [*own, *urls]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        title = str(self.model._meta.verbose_name_plural).capitalize()
        context = {"title": title, "list_head": self._list_head(request), **(extra_context or {})}
        return super().changelist_view(request, context)  # type: ignore[misc] # mixed into a ModelAdmin

    # --- what the row shows -----------------------------------------------------------------------

    def _list_head(self, request: HttpRequest) -> dict[str, Any]:
        query = list_query(request.GET)
        suffix = f"?{query}" if query else ""
        exports = reverse(f"admin:{self._list_name}_export") if hasattr(self, "export_view") else ""
        return {
            "presets": [(preset, preset.address == suffix) for preset in self.list_presets],
            "views": self._views(request, query, exports),
            "save_url": reverse(f"admin:{self._list_name}_view_save") + suffix if query else "",
            "export_url": exports and exports + suffix,
            "hint": lambda: vars(request).get("search_hint", ""),
        }

    def _views(self, request: HttpRequest, query: str, exports: str) -> list[ViewLine]:
        user = _staff(request)
        rows = SavedView.objects.filter(Q(owner=user) | Q(shared=True), page=self.model._meta.label_lower)
        lines = [self._line(view, user, query, exports) for view in rows.select_related("owner")]
        return sorted(lines, key=lambda line: not line.mine)

    def _line(self, view: SavedView, user: User, query: str, exports: str) -> ViewLine:
        edit = reverse(f"admin:{self._list_name}_view_edit", args=[view.pk])
        return ViewLine(
            view=view,
            mine=view.owner_id == user.pk,
            editable=may_change(view, user),
            active=bool(query) and view.query == query,
            edit_url=f"{edit}?{query}" if query else edit,
            export_url=f"{exports}?{view.query}" if exports else "",
        )

    @property
    def _list_name(self) -> str:
        return f"{self.model._meta.app_label}_{self.model._meta.model_name}"

    # --- saving, changing, deleting ---------------------------------------------------------------

    def view_save(self, request: HttpRequest) -> HttpResponse:
        """Keep the list that the address describes."""
        self._demand_list(request)
        query = list_query(request.GET)
        form = ViewForm(posted(request))
        view = form.submit(
            request,
            lambda data: saved_view_create(
                owner=_staff(request), page=self.model._meta.label_lower, query=query, at=now(), **data
            ),
        )
        if view is not None:
            messages.success(request, f"Saved as “{view.name}”.")
            return self._to_list(query)
        says = (
            "Filters, search and order are kept, not the rows: the view shows what fits them when it is opened.",
        )
        return self._view_form(request, form, title="Save this list as a view", query=query, says=says)

    def view_edit(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Rename or share one's own view, give it the present filters, or delete it."""
        self._demand_list(request)
        view, query = self._own_view(request, pk), list_query(request.GET)
        if "delete" in request.POST:
            saved_view_delete(view=view, by=_staff(request))
            messages.success(request, f"The view “{view.name}” is deleted.")
            return self._to_list(query)
        form = ViewForm(posted(request), view=view, query=query)
        saved = form.submit(request, lambda data: _update(request, view, data, query))
        if saved is not None:
            messages.success(request, f"The view “{saved.name}” is saved.")
            return self._to_list(saved.query if form.cleaned_data.get("replace") else query)
        return self._view_form(request, form, title=f"View “{view.name}”", query=query, view=view)

    def _own_view(self, request: HttpRequest, pk: int) -> SavedView:
        view = SavedView.objects.filter(pk=pk, page=self.model._meta.label_lower).first()
        if view is None or (view.owner_id != _staff(request).pk and not view.shared):
            raise Http404
        if not may_change(view, _staff(request)):
            raise PermissionDenied
        return view

    def _view_form(
        self, request: HttpRequest, form: ViewForm, *, title: str, query: str, says: Sequence[str] = (), **context: Any
    ) -> HttpResponse:  # fmt: skip
        return form_page(
            request, form, title=title, submit="Save", consequences=says, opts=self.model._meta,
            back=self._to_list(query).url, template="admin/signet/saved_view.html", **context,
        )  # fmt: skip

    def _to_list(self, query: str) -> HttpResponseRedirect:
        url = reverse(f"admin:{self._list_name}_changelist")
        return HttpResponseRedirect(f"{url}?{query}" if query else url)

    def _demand_list(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):  # type: ignore[attr-defined] # mixed into a ModelAdmin
            raise PermissionDenied


def _update(request: HttpRequest, view: SavedView, data: dict[str, Any], query: str) -> SavedView:
    changes: dict[str, Any] = {"name": data["name"], "shared": data["shared"]}
    if data.get("replace"):
        changes["query"] = query
    return saved_view_update(view=view, by=_staff(request), changes=changes)


def _staff(request: HttpRequest) -> User:
    """Who is signed in: the admin lets nobody else through."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
