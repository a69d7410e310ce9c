"""The page of one license: what it is and how it stands, its buttons, and the tab that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe
from unfold.dataclasses import ActionDialog, UnfoldAction

from config.kit.clock import now
from licenses.admin import tabs as tabs  # noqa: PLC0414 - its modules register themselves
from licenses.admin.display import page_of
from licenses.admin.facts import facts_of
from licenses.admin.forms import ServiceForm
from licenses.admin.key_inspection import URL_NAME as INSPECT
from licenses.admin.key_inspection import inspect_view
from licenses.admin.pages import form_page
from licenses.admin.parts import Asked, Dialog, Tab, View, dialogs, tab_url
from licenses.admin.parts import dialog as dialog_of
from licenses.admin.parts import tabs as all_tabs
from licenses.models import License

TEMPLATE = "admin/signet/license.html"
PREVIEW = "_preview"
REASON = "reason"
# Of an action's dialog Unfold's list asks only whether there is one.
OPENS = ActionDialog(title="", description="", form_class=None, form_submit_text=None)


class LicensePage:
    """Mixed into the admin of licenses."""

    model: Any

    @property
    def media(self) -> forms.Media:
        """Dialogs open on the list, too."""
        own = forms.Media(css={"all": ["signet/license.css"]}, js=["signet/license.js"])
        media: forms.Media = super().media + own  # type: ignore[misc] # mixed into a ModelAdmin
        return media

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc] # mixed into a ModelAdmin
        own = [
            path(f"<path:object_id>/{dialog.slug}/", self._dialog_view(dialog), name=dialog.url_name)
            for dialog in dialogs()
        ]
        own += [
            path(
                f"<path:object_id>/{view.route}",
                self._tab_view(tab, view),
                name=f"licenses_license_{view.name}",
            )
            for tab in all_tabs()
            for view in tab.views
        ]
        inspect = path("inspect/", admin.site.admin_view(inspect_view), name=INSPECT)
        return [inspect, *own, *urls]

    def get_unfold_action(self, action: str) -> UnfoldAction:
        """A dialog, where an action of the list is named like one."""
        found = dialog_of(action)
        if found is None:
            return super().get_unfold_action(action)  # type: ignore[misc] # mixed into a ModelAdmin
        method = self._dialog_view(found)
        vars(method)["attrs"] = {}
        return UnfoldAction(
            action_name=found.url_name, method=method, description=found.title, path=found.slug, attrs={},
            icon=found.icon, dialog=None if found.wide else OPENS,
        )  # fmt: skip

    def get_actions_row(self, request: HttpRequest) -> list[UnfoldAction]:
        found: list[UnfoldAction] = super().get_actions_row(request)  # type: ignore[misc] # mixed into a ModelAdmin
        return [item for item in found if _may_press(request, item.path)]

    def row(self, request: HttpRequest, object_id: Any) -> License:
        """The license of this page, read once a request."""
        rows: dict[str, License] = vars(request).setdefault("licenses_by_pk", {})
        key = str(object_id)
        if key not in rows:
            found = License.objects.with_relations().filter(pk=key).first() if key.isdecimal() else None
            if found is None:
                raise Http404
            rows[key] = found
        return rows[key]

    # --- the page ---------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """The page is to look at: there is nothing to post to it."""
        self._demand_view(request)
        return require_safe(self._page)(request, self.row(request, object_id))

    def _page(self, request: HttpRequest, row: License) -> HttpResponse:
        shown = [tab for tab in all_tabs() if tab.allowed(request)]
        tab = next((tab for tab in shown if tab.slug == request.GET.get("tab")), shown[0])
        buttons = [
            (dialog, reverse(f"admin:{dialog.url_name}", args=[row.pk]))
            for dialog in dialogs()
            if dialog.allowed(request, row) and dialog.fits(row)
        ]
        context = {
            **admin.site.each_context(request),
            "title": f"License of {row.account.name}",
            "opts": self.model._meta,
            "original": row,
            "row": row,
            "facts": facts_of(row, now()),
            "tab": tab,
            "tabs": [(each, tab_url(row, each.slug)) for each in shown],
            "buttons": buttons,
            "has_more": any(not dialog.front for dialog, _ in buttons),
            **tab.content(request, row),
        }
        return TemplateResponse(request, TEMPLATE, context)

    def _tab_view(self, tab: Tab, found: View) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, object_id: str, **captured: Any) -> HttpResponse:
            self._demand_view(request)
            if not tab.allowed(request):
                raise PermissionDenied
            return found.view(request, self.row(request, object_id), **captured)

        return admin.site.admin_view(view)

    # --- dialogs ----------------------------------------------------------------------------------

    def _dialog_view(self, dialog: Dialog) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            self._demand_view(request)
            row = self.row(request, object_id)
            if not dialog.allowed(request, row):
                raise PermissionDenied
            return self._dialog(dialog, Asked(request, row, now()))

        return admin.site.admin_view(view)

    def _dialog(self, dialog: Dialog, asked: Asked) -> HttpResponse:
        form = dialog.form(asked)
        if dialog.preview is not None and PREVIEW in asked.request.POST:
            return self._preview(dialog, asked, form)
        result = form.submit(asked.request, lambda _data: dialog.act(asked, form))
        context = {} if result is None else dialog.done(asked, result)
        return context if isinstance(context, HttpResponse) else self._form(dialog, asked, form, **context)

    def _preview(self, dialog: Dialog, asked: Asked, form: ServiceForm) -> HttpResponse:
        """What pressing the button would do with the form as it is: for the script, or as the page again."""
        assert dialog.preview is not None  # noqa: S101 - the caller looked
        preview = dialog.preview
        if REASON in form.fields:
            form.fields[REASON].required = False  # nobody has written it before looking
        says = form.submit(asked.request, lambda _data: preview(asked, form)) or ()
        if "application/json" in asked.request.headers.get("Accept", ""):
            errors = [error for found in form.errors.values() for error in found]
            return JsonResponse({"says": list(says), "errors": errors}, headers={"Cache-Control": "no-store"})
        return self._form(dialog, asked, form, preview=says)

    def _form(self, dialog: Dialog, asked: Asked, form: ServiceForm, **context: Any) -> HttpResponse:
        row = asked.row
        return form_page(
            asked.request, form, title=f"{dialog.title}: {row.account.name}, {row.product.name} {row.plan.name}",
            submit=dialog.submit or dialog.title, consequences=dialog.says(asked), danger=dialog.danger,
            back=page_of(row), template=dialog.template, opts=self.model._meta, original=row,
            previews=dialog.preview is not None, seen=dialog.seen(asked) if dialog.seen else "", **context,
        )  # fmt: skip

    def _demand_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):  # type: ignore[attr-defined] # mixed into a ModelAdmin
            raise PermissionDenied


def _may_press(request: HttpRequest, slug: str) -> bool:
    found = dialog_of(slug)
    return found is None or found.allowed(request, None)
