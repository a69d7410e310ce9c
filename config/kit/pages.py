"""Pages of one action: what will happen stands there before the button does. Each opens in a dialog, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from config.kit.forms import ServiceForm

Method = TypeVar("Method", bound=Callable[..., Any])


def in_dialog(method: Method) -> Method:
    """Let the button open the action's page in a dialog; without scripts it opens as a page."""
    vars(method)["dialog"] = True
    return method


def form_page(
    request: HttpRequest,
    form: ServiceForm,
    *,
    title: str,
    submit: str,
    opts: Any,
    consequences: Sequence[str] = (),
    danger: bool = False,
    back: str = "",
    template: str = "admin/signet/form.html",
    **context: Any,
) -> HttpResponse:
    """Show a form; `consequences` are sentences that say what pressing the button does."""
    return TemplateResponse(
        request,
        template,
        {
            **admin.site.each_context(request),
            "title": title,
            "form": form,
            "media": form.media,
            "submit_label": submit,
            "consequences": consequences,
            "danger": danger,
            "back": back,
            "model_opts": opts,
            **context,
        },
    )
