"""Admin of rows that services keep: a list to look at, and a page of one that is no form.

The page shows the state, a sentence of what it means, and facts; what may be done about the row are buttons, each a
POST to one service.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST, require_safe

from config.kit.admin import ReadOnlyAdmin, tell
from config.kit.display import page_of
from config.kit.errors import Refusal

M = TypeVar("M", bound=models.Model)


class RecordAdmin(ReadOnlyAdmin, Generic[M]):
    """Give `template` (extends admin/signet/record.html) and `page`; for buttons `deeds`, and a view for each."""

    template: ClassVar[str]
    deeds: ClassVar[tuple[str, ...]] = ()
    """Words of the address: `rerun` is `<id>/rerun/`, answered by `rerun_view`, named `<app>_<model>_rerun`."""

    def page(self, request: HttpRequest, row: M) -> dict[str, Any]:
        """What the page shows: `title`, `state` (a label), `meaning` (a sentence), `facts`, and the template's own."""
        raise NotImplementedError

    def row(self, request: HttpRequest, pk: int | str) -> M:
        """The row of a page. Raises PermissionDenied and Http404."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found: M | None = self.get_object(request, str(pk))
        if found is None:
            raise Http404
        return found

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """The page is to look at: there is nothing to post to it."""
        return require_safe(self._page)(request, self.row(request, object_id))

    def _page(self, request: HttpRequest, row: M) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "original": row,
            "row": row,
            **self.page(request, row),
        }
        return TemplateResponse(request, self.template, context)

    def get_urls(self) -> list[URLPattern]:
        meta = self.model._meta
        own = [
            path(
                f"<int:pk>/{deed}/",
                self.admin_site.admin_view(require_POST(getattr(self, f"{deed}_view"))),
                name=f"{meta.app_label}_{meta.model_name}_{deed}",
            )
            for deed in self.deeds
        ]
        return [*own, *super().get_urls()]

    def done(self, request: HttpRequest, row: M, deed: Callable[[], Any], said: str = "") -> HttpResponse:
        """Do something about one row and go back to its page; a refusal becomes a message there.

        `said` is the sentence of success; without it, what the deed returns.
        """
        try:
            told = deed()
        except Refusal as refusal:
            tell(request, refusal)
        else:
            messages.success(request, said or told)
        return HttpResponseRedirect(page_of(row))
