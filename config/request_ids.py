"""One id for each request: in every log line of its work, in every task it caused, in the answer."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-ID"
SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}", re.ASCII)


class RequestIdMiddleware:
    """Gives the request its id, first of all middleware.

    A caller's `X-Request-ID` is taken when it is short and plain, so that one id can follow a request
    through several systems; anything else is replaced. What comes after reads the id from the header
    (django-structlog, told to trust it) or from structlog's context (problem documents).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = accepted(request.META.get("HTTP_X_REQUEST_ID")) or str(uuid.uuid4())
        request.META["HTTP_X_REQUEST_ID"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            response = self.get_response(request)
        finally:
            # Threads serve many requests: nothing of this one may stand in the lines of the next.
            structlog.contextvars.clear_contextvars()
        response[HEADER] = request_id
        return response


def accepted(given: str | None) -> str | None:
    """Return the caller's id when it is fit to be used, None otherwise."""
    return given if given and SANE.fullmatch(given) else None
