"""Pages that are looked at and whose buttons open dialogs: of a request, and of a trial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_safe

from config.kit.clock import now
from config.kit.display import page_of
from config.kit.pages import form_page
from trials.admin.parts import Asked, Dialog

LONGEST_KEY = 18


class DialogPage:
    """Mixed into an admin: the page of one row, and a dialog for each of its buttons.

    A dialog that was opened elsewhere leads back there: its address carries `next`.
    """

    model: Any
    page_template: ClassVar[str]

    @property
    def media(self) -> forms.Media:
        """Dialogs open on the list, too."""
        own = forms.Media(css={"all": ["signet/license.css", "signet/trials.css"]})
        media: forms.Media = super().media + own  # type: ignore[misc] # mixed into a ModelAdmin
        return media

    def page_dialogs(self) -> Sequence[Dialog]:
        """The dialogs of these rows."""
        raise NotImplementedError

    def page_title(self, row: Any) -> str:
        return str(row)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the template shows besides the row and its buttons."""
        raise NotImplementedError

    def page_rows(self) -> Any:
        """The rows with what their page needs."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc] # mixed into a ModelAdmin
        own = [
            path(f"<path:object_id>/{dialog.slug}/", self._dialog_view(dialog), name=self._url_name(dialog))
            for dialog in self.page_dialogs()
        ]
        return [*own, *urls]

    def buttons(self, request: HttpRequest, row: Any, *, on_card: bool = False) -> list[tuple[Dialog, str]]:
        """The dialogs that fit a row and may be pressed, each with its address; `on_card`: those of the board."""
        return [
            (dialog, reverse(f"admin:{self._url_name(dialog)}", args=[row.pk]))
            for dialog in self.page_dialogs()
            if (dialog.on_card or not on_card) and dialog.allowed(request) and dialog.fits(row)
        ]

    def row(self, request: HttpRequest, object_id: Any) -> Any:
        """The row of a page. Raises PermissionDenied and Http404."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined] # mixed into a ModelAdmin
            raise PermissionDenied
        key = str(object_id)
        is_key = key.isascii() and key.isdecimal() and len(key) <= LONGEST_KEY
        found = self.page_rows().filter(pk=key).first() if is_key else None
        if found is None:
            raise Http404
        return found

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """The page is to look at: there is nothing to post to it."""
        return require_safe(self._page)(request, self.row(request, object_id))

    def _page(self, request: HttpRequest, row: Any) -> HttpResponse:
        context = {
            **admin.site.each_context(request),
            "title": self.page_title(row),
            "opts": self.model._meta,
            "original": row,
            "row": row,
            "buttons": self.buttons(request, row),
            **self.page_context(request, row),
        }
        return TemplateResponse(request, self.page_template, context)

    def _url_name(self, dialog: Dialog) -> str:
        return f"{self.model._meta.app_label}_{self.model._meta.model_name}_{dialog.slug}"

    def _dialog_view(self, dialog: Dialog) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            row = self.row(request, object_id)
            if not dialog.allowed(request):
                raise PermissionDenied
            return self._dialog(dialog, Asked(request, row, now()))

        return admin.site.admin_view(view)

    def _dialog(self, dialog: Dialog, asked: Asked) -> HttpResponse:
        back = _back(asked.request) or page_of(asked.row)
        form = dialog.form(asked)
        said = form.submit(asked.request, lambda data: dialog.act(asked, data))
        if said is not None:
            messages.success(asked.request, said)
            return HttpResponseRedirect(dialog.leads_to() if dialog.leads_to else back)
        return form_page(
            asked.request, form, title=f"{dialog.title}: {self.page_title(asked.row)}",
            submit=dialog.submit or dialog.title, consequences=dialog.says(asked), danger=dialog.danger,
            back=back, opts=self.model._meta, original=asked.row,
        )  # fmt: skip


def _back(request: HttpRequest) -> str:
    """Where a dialog was opened, when that is a page of ours."""
    wanted = request.GET.get("next", "")
    return wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) else ""
