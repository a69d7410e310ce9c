"""Paths with several operations that are not there at all while the section is hidden (D17)."""

from __future__ import annotations

from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from config.kit.api.problems import response as problem
from config.kit.api.routing import Handler, MethodNotAllowed, by_method
from config.kit.errors import NotFound
from crm.api.views import Hidden
from crm.gate import is_shown


def by_method_while_shown(**operations: type[Hidden]) -> Handler:
    """As `by_method`; a method that the path does not know betrays it no more than the others do."""
    view = by_method(**operations)

    @wraps(view)  # with what the schema reads off it, and the exemption from CSRF
    def dispatch(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer = view(request, *args, **kwargs)
        return answer if answer.status_code != MethodNotAllowed.status or is_shown() else problem(NotFound())

    return dispatch
