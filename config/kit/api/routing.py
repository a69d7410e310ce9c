"""Several operations on one path: each its own view class, told apart by method."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from config.kit.api import problems
from config.kit.api.views import Operation
from config.kit.errors import Refusal

Handler = Callable[..., HttpResponse]


class MethodNotAllowed(Refusal):
    code = "method_not_allowed"
    status = 405
    title = "This path does not know that method."


def by_method(**operations: type[Operation]) -> Handler:
    """Return one view for a path: `by_method(get=AccountList, post=AccountCreate)`."""
    handlers = {name.upper(): operation.as_view() for name, operation in operations.items()}
    allowed = ", ".join(sorted(handlers))

    @csrf_exempt  # each operation checks it itself where a session authenticates
    def dispatch(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        handler = handlers.get("GET" if request.method == "HEAD" else str(request.method))
        if handler is not None:
            answer: HttpResponse = handler(request, *args, **kwargs)
            return answer
        response = problems.response(MethodNotAllowed(f"Methods here: {allowed}."))
        response.headers["Allow"] = allowed
        return response

    # what makes the schema's inspector take it for an API view; `each_method` then tells them apart
    vars(dispatch).update(
        handlers=handlers,
        cls=next(iter(operations.values())),
        initkwargs={},
        actions={name.lower(): name.lower() for name in operations},
    )
    return dispatch


def read_only(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Make a plain view answer GET and HEAD only, any other method with a problem document."""

    @csrf_exempt  # nothing else than reading comes through
    @wraps(view)
    def reading(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method in {"GET", "HEAD"}:
            return view(request, *args, **kwargs)
        response = problems.response(MethodNotAllowed("Methods here: GET."))
        response.headers["Allow"] = "GET, HEAD"
        return response

    return reading


def each_method(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """For drf-spectacular's PREPROCESSING_HOOKS: put the operation of each method in its place."""
    return [
        (path, regex, method, getattr(callback, "handlers", {}).get(method, callback))
        for path, regex, method, callback in endpoints
    ]
