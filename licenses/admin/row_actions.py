"""The menu at the end of each row of the list: open, copy and download the newest key, renew, revoke."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from licenses.admin.key_sight import may_see_keys
from licenses.admin.parts import dialog
from licenses.domain.enums import Kind
from licenses.models import Issuance, License

FROM_ROW = ("renew", "revoke")
OF_TESTS = ("copy-test", "download-test")
"""Of the menu of who reads keys of test licenses only; no other row has them."""


class RowActions:
    """Mixed into the admin of licenses. The menu is made once a page; a row only says what it does not allow."""

    actions_row = FROM_ROW
    row_menu_template = "admin/signet/license_row_menu.html"
    list_after_template = "admin/signet/license_row_menu.html"

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc] # mixed into a ModelAdmin
        own = [
            path(f"<int:pk>/key/{name}/", _newest_key(view), name=f"licenses_license_key_{name}")
            for name, view in (("text", "text_view"), ("file", "file_view"))
        ]
        return [*own, *urls]

    def row_refuses(self, row: License) -> str:
        """The actions that the state of this row does not allow."""
        refused = [slug for slug in FROM_ROW if (found := dialog(slug)) and not found.fits(row)]
        return " ".join(refused if row.kind == Kind.TEST else [*refused, *OF_TESTS])


def _newest_key(view: str) -> Callable[..., HttpResponse]:
    """The newest key of a license, as the page of its issuance gives it: to whom, and with an event."""

    def answer(request: HttpRequest, pk: int) -> HttpResponse:
        issuances: Any = admin.site.get_model_admin(Issuance)
        kinds = list(License.objects.filter(pk=pk).values_list("kind", flat=True))
        if not may_see_keys(request, kinds):
            raise PermissionDenied
        if not kinds:
            raise Http404
        newest = Issuance.objects.filter(license=pk).order_by("-id").values_list("pk", flat=True).first()
        if newest is None:
            text = "No key of this license was signed yet. Issue one on its page."
            return HttpResponse(text, status=409, content_type="text/plain; charset=utf-8")
        found: HttpResponse = getattr(issuances, view)(request, newest)
        return found

    return admin.site.admin_view(require_POST(answer))
