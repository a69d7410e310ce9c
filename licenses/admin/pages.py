"""The license office's own pages after an action, and the form pages of the kit under their old roof."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from config.kit.pages import form_page, in_dialog
from licenses.admin.display import page_of
from licenses.admin.key_sight import may_see_keys
from licenses.models import Issuance
from licenses.services.signing import Issued

__all__ = ["done", "form_page", "in_dialog", "issued_page", "shows_now"]

SHOW_ONCE = "show_key_of"


def done(row: Model) -> HttpResponse:
    """Back to the page of a row."""
    return HttpResponseRedirect(page_of(row))


def issued_page(request: HttpRequest, issued: Issued) -> HttpResponse:
    """After signing: the license's page with the key at hand, or, when it was not kept, the key itself, once."""
    row = issued.issuance.license
    may_see = may_see_keys(request, [row.kind])
    if issued.issuance.artifact is not None:
        if may_see:
            request.session[SHOW_ONCE] = issued.issuance.pk
        return done(row)
    context = {
        **admin.site.each_context(request),
        "title": f"Key of {row.public_id}",
        "text": issued.text if may_see else "",
        "issuance": issued.issuance,
        "back": page_of(row),
    }
    answer = TemplateResponse(request, "admin/signet/key_once.html", context)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def shows_now(request: HttpRequest, issuance: Issuance | None) -> bool:
    """Whether this issuance was made a moment ago and its key is to be fetched at once. True only once."""
    return issuance is not None and request.session.pop(SHOW_ONCE, None) == issuance.pk
