"""A mail looked at before anybody gets it: as a desktop, a phone, and a reader of plain text show it.

The HTML part stands in a frame of its own address, whose policy lets its style sheet apply and nothing else
happen: no script, no form, no request. Links open beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from notifications.rendering import Rendered

LOOKS = {"desktop": "Desktop", "phone": "Phone", "text": "Text"}
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


def mail_page(
    request: HttpRequest,
    rendered: Rendered,
    *,
    title: str,
    frame: str,
    back: str,
    opts: Any,
    notes: Sequence[str] = (),
    template: str = "admin/signet/mail_view.html",
    **context: Any,
) -> HttpResponse:
    """Show a mail; `frame` is the address that answers with `mail_frame`, `notes` are sentences above it."""
    chosen = request.GET.get("as", "")
    look = chosen if chosen in LOOKS else "desktop"
    query = request.GET.copy()
    tabs = []
    for name, label in LOOKS.items():
        query["as"] = name
        tabs.append({"label": label, "url": f"?{query.urlencode()}", "active": name == look})
    query.pop("as", None)
    return TemplateResponse(
        request,
        template,
        {
            **admin.site.each_context(request),
            "title": title,
            "rendered": rendered,
            "look": look,
            "looks": tabs,
            "frame": f"{frame}?{query.urlencode()}" if query else frame,
            "notes": notes,
            "back": back,
            "opts": opts,
            **context,
        },
    )


def mail_frame(rendered: Rendered) -> HttpResponse:
    """The HTML part by itself."""
    html = rendered.html.replace("<head>", '<head><base target="_blank">', 1)
    headers = {
        "Content-Security-Policy": POLICY,
        "X-Frame-Options": "SAMEORIGIN",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return HttpResponse(html, headers=headers)
