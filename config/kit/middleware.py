"""Middleware of our own: the short way in for hot endpoints, and the measuring of all others."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

REQUESTS = Counter("signet_http_requests", "HTTP requests", ["method", "route", "status"])
SECONDS = Histogram("signet_http_request_seconds", "Seconds in the server", ["route"])

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

HotView = Callable[[HttpRequest], HttpResponse | None]
V = TypeVar("V", bound=HotView)
_hot: dict[str, HotView] = {}


def hot_path(path: str) -> Callable[[V], V]:
    """Register a view that is answered before the other middleware.

    Sessions, CSRF and the rest cost several times what such a view does. It authenticates by what the
    body carries, sets no cookie and must be safe without any of them. What it answers with None goes the
    way of every other request.
    """

    def register(view: V) -> V:
        _hot[path] = view
        return view

    return register


class HotPathMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = _hot.get(request.path_info)
        answer = view(request) if view is not None else None
        return answer if answer is not None else self.get_response(request)


class MetricsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        route = match.route if match else "unknown"
        REQUESTS.labels(_method(request), route, str(response.status_code)).inc()
        SECONDS.labels(route).observe(time.perf_counter() - started)
        return response


def _method(request: HttpRequest) -> str:
    """One of the known methods: a caller may make up any other, and each would be a series of its own."""
    return request.method if request.method in METHODS else "OTHER"
