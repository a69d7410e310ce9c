"""RFC 9457 problem documents: one shape for every refusal, for the API and for Django's own errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from config.kit.errors import (
    FieldError,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    Refusal,
    TooMany,
    Unauthenticated,
    Unavailable,
)

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:signet:problem:"
log = structlog.get_logger(__name__)


def document(refusal: Refusal) -> dict[str, Any]:
    """Return the members of the problem document of a refusal, the request id among them."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return {
        "type": TYPE_PREFIX + refusal.code,
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "code": refusal.code,
        **({"request_id": request_id} if request_id else {}),
        **refusal.members,
    }


def headers(refusal: Refusal) -> dict[str, str]:
    found = {"Cache-Control": "no-store"}
    retry_after = getattr(refusal, "retry_after", None)
    if retry_after is not None:
        found["Retry-After"] = str(retry_after)
    if isinstance(refusal, Unauthenticated):
        found["WWW-Authenticate"] = 'Bearer realm="signet"'
    return found


def exception_handler(error: Exception, _context: Mapping[str, Any]) -> Response | None:
    """DRF's handler: every known error becomes a problem document; an unknown one goes up (and is logged)."""
    refusal = refusal_of(error)
    if refusal is None:
        return None
    return Response(
        document(refusal), status=refusal.status, headers=headers(refusal), content_type=CONTENT_TYPE
    )


def response(refusal: Refusal) -> JsonResponse:
    """The same document for plain Django views, byte for byte: a path that is hidden looks like one that is not."""
    return JsonResponse(
        document(refusal), status=refusal.status, headers=headers(refusal), content_type=CONTENT_TYPE,
        json_dumps_params={"separators": (",", ":"), "ensure_ascii": False},
    )  # fmt: skip


def refusal_of(error: Exception) -> Refusal | None:  # noqa: C901, PLR0911 - one table, a line a case
    """Translate an exception into the refusal it means, None for a fault of ours."""
    match error:
        case Refusal():
            return error
        case exceptions.ValidationError():
            return Invalid(list(field_errors(error.get_full_details())))
        case exceptions.ParseError() | exceptions.UnsupportedMediaType():
            return Malformed(str(error.detail))
        case exceptions.Throttled():
            return TooMany(retry_after=max(1, int(getattr(error, "wait", None) or 60)))
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return Unauthenticated(str(error.detail))
        case PermissionDenied() | exceptions.PermissionDenied():
            return Forbidden(str(getattr(error, "detail", "")) or None)
        case Http404() | exceptions.NotFound():
            return NotFound()
        case exceptions.APIException():
            return _other(error)
        case OperationalError() | InterfaceError():
            log.error("database_unavailable", error=repr(error))
            return Unavailable("The database does not answer.", retry_after=5)
        case DatabaseError() if "deadlock" in str(error).lower():
            return Unavailable("The change met another one; try again.", retry_after=1)
    return None


def _other(error: exceptions.APIException) -> Refusal:
    refusal = Refusal(str(error.detail))
    refusal.code = error.default_code
    refusal.status = error.status_code
    refusal.title = str(error.default_detail)
    return refusal


def field_errors(details: Any, path: str = "") -> Iterator[FieldError]:
    """Flatten DRF's nested details into one row a field, with dotted paths."""
    if isinstance(details, Mapping) and set(details) == {"message", "code"}:
        yield FieldError(path, str(details["code"]), str(details["message"]))
    elif isinstance(details, Mapping):
        for key, value in details.items():
            inner = path if key == "non_field_errors" else f"{path}.{key}".lstrip(".")
            yield from field_errors(value, inner)
    elif isinstance(details, list):
        for index, value in enumerate(details):
            is_leaf = isinstance(value, Mapping) and set(value) == {"message", "code"}
            yield from field_errors(value, path if is_leaf else f"{path}.{index}".lstrip("."))


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/authlance/", "/licenseoperator/", "/.well-known/"))


def not_found(request: HttpRequest, exception: Exception) -> Any:
    """Django's handler404: a problem document under the API, the page everywhere else."""
    from django.views.defaults import page_not_found

    return response(NotFound()) if is_api(request) else page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> Any:
    """Django's handler400: a Host header that is not ours, and what else it calls suspicious."""
    from django.views.defaults import bad_request as page

    return response(Malformed()) if is_api(request) else page(request, exception)


class InternalError(Refusal):
    code = "internal_error"
    status = 500
    title = "Something failed on our side. It has been logged under the request id."


def server_error(request: HttpRequest) -> Any:
    """Django's handler500."""
    from django.views.defaults import server_error as page

    return response(InternalError()) if is_api(request) else page(request)
