"""Actions on a row's page that ask first, in a dialog, and then call one service."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.dataclasses import ActionDialog

from config.kit.admin import tell
from config.kit.errors import Refusal


def dialog(title: str, description: str, submit: str) -> ActionDialog:
    """A question with one button and no fields."""
    return ActionDialog(title=title, description=description, form_class=None, form_submit_text=submit)


def run_on(model_admin: Any, request: HttpRequest, object_id: str, service: Any, done: str) -> HttpResponse:
    """Call `service(row)`; say `done` or the refusal on the row's page. An unknown row gives 404."""
    row = model_admin.get_object(request, object_id)
    if row is None:
        raise Http404
    try:
        service(row)
    except Refusal as refusal:
        tell(request, refusal)
    else:
        messages.success(request, done)
    meta = model_admin.model._meta
    page = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    return HttpResponse(headers={"HX-Redirect": page})
