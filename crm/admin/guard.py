"""Pages that are there only while the section is (D17): 404 otherwise, for everybody."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import URLPattern

from crm.gate import is_shown

View = Callable[..., HttpResponseBase]


def while_shown(view: View) -> View:
    """The view while the section is shown; 404 otherwise, before anybody is asked who they are."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not is_shown(request):
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


class SectionGuard:
    """Mixed into an admin of the section, before all others."""

    @property
    def urls(self) -> list[URLPattern]:
        """All of `get_urls`, whatever added to it, each behind the gate."""
        patterns: list[URLPattern] = self.get_urls()  # type: ignore[attr-defined] # mixed into a ModelAdmin
        for pattern in patterns:
            pattern.callback = while_shown(pattern.callback)
        return patterns

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) and is_shown(request)  # type: ignore[misc] # as above

    def has_module_permission(self, request: HttpRequest) -> bool:
        # who may do nothing is not worth a question to the database: the page to sign in asks it, too
        return super().has_module_permission(request) and is_shown(request)  # type: ignore[misc] # as above
