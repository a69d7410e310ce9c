"""Base of every API view: one class an operation, its scope named, the clock read once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend  # type: ignore[import-untyped] # ships no types
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.kit import clock
from config.kit.api.pagination import CursorPage, NumberedPage
from config.kit.api.principals import Anonymous, Principal, principal
from config.kit.errors import FieldError, Forbidden, Invalid, Unauthenticated


class Operation(APIView):
    """An operation of the API. `required_scope` is a Scope or PUBLIC; a view without one does not start."""

    required_scope: str

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        if not hasattr(cls, "required_scope"):
            raise ImproperlyConfigured(f"{cls.__name__} names no required_scope.")
        return super().as_view(**initkwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.at: datetime = clock.now()
        super().initial(request, *args, **kwargs)

    # DRF counts a call last, when it has passed. Whoever tries credentials is refused before that, each time.

    def perform_authentication(self, request: Request) -> None:
        try:
            super().perform_authentication(request)
        except (Unauthenticated, APIException):
            request.user = Anonymous()  # type: ignore[assignment] # as UNAUTHENTICATED_USER makes it
            self.check_throttles(request)
            raise

    def check_permissions(self, request: Request) -> None:
        try:
            super().check_permissions(request)
        except (Unauthenticated, Forbidden):
            self.check_throttles(request)
            raise

    @property
    def principal(self) -> Principal:
        return principal(self.request)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        limit = request.META.get("signet.ratelimit")
        if limit:
            policy, remaining, reset = limit
            response["RateLimit-Limit"] = policy.partition("/")[0]
            response["RateLimit-Remaining"] = str(remaining)
            response["RateLimit-Reset"] = str(reset)
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class ListOperation(Operation):
    """A list: one page of `rows()`, filtered by `filterset_class` and shown by the serializer `output`."""

    filter_backends: tuple[type[DjangoFilterBackend], ...] = (DjangoFilterBackend,)
    filterset_class: Any = None
    pagination_class: type[CursorPage | NumberedPage] = CursorPage
    output: Any

    def rows(self) -> QuerySet[Any]:
        """Return what the caller may see, from a selector."""
        raise TypeError(f"{type(self).__name__} has no rows.")

    def get_queryset(self) -> QuerySet[Any]:
        """Return no rows of the filters' model: what the schema's inspector asks for."""
        empty: QuerySet[Any] = self.filterset_class.Meta.model._default_manager.none()
        return empty

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Raises Invalid (400) for a filter or cursor that cannot be used, or that nobody knows."""
        self._refuse_unknown_parameters(request)
        rows = self.rows()
        for backend in self.filter_backends:
            rows = backend().filter_queryset(request, rows, self)
        paginator = self.pagination_class()
        page = paginator.paginate_queryset(rows, request, self)
        return paginator.get_paginated_response(self.output(page, many=True).data)

    def _refuse_unknown_parameters(self, request: Request) -> None:
        # a misspelt filter would otherwise answer with everything
        pager = self.pagination_class
        known = {getattr(pager, name, None) for name in ("cursor_query_param", "page_query_param")}
        known |= {pager.page_size_query_param, *getattr(self.filterset_class, "base_filters", ())}
        unknown = sorted(set(request.query_params) - known)[:20]
        if unknown:
            raise Invalid(
                [FieldError(name, "unknown_parameter", "There is no such parameter.") for name in unknown]
            )
