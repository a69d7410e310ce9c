"""How the admin looks. Colours stand in `static/signet/admin.css`, where a strict CSP lets them apply."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse


def _asset(name: str) -> Any:
    def address(_request: HttpRequest) -> str:
        return static(name)

    return address


def _page(name: str) -> Any:
    def address(_request: HttpRequest) -> str:
        return reverse(name)

    return address


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Signet",
    "SITE_HEADER": "Signet",
    "SITE_SUBHEADER": "License office",
    "SITE_SYMBOL": "approval",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _asset("signet/favicon.svg")}],
    "SHOW_HISTORY": False,  # our own history tells more, and cannot be changed
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [
        _asset("signet/admin.css"),
        _asset("signet/access.css"),
        _asset("signet/attention.css"),
        _asset("signet/list.css"),
        _asset("signet/palette.css"),
    ],
    "SCRIPTS": [
        _asset("signet/admin.js"),
        _asset("signet/attention.js"),
        _asset("signet/keyboard.js"),
        _asset("signet/list.js"),
        _asset("signet/palette.js"),
    ],
    "DASHBOARD_CALLBACK": "config.dashboard.dashboard",
    "ACCOUNT": {
        "navigation": [
            {"title": "Change password", "link": _page("admin:password_change")},
            {"title": "Second factor", "link": _page("admin:second_factor")},
        ]
    },
    "SIDEBAR": {"show_search": False, "navigation": "config.navigation.sidebar"},
}
