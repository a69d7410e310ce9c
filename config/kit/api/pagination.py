"""Pages: opaque cursors for the API, numbered pages for the License Operator's own paths."""

from __future__ import annotations

from typing import Any, NoReturn
from urllib.parse import parse_qs, urlsplit

from django.core.exceptions import ValidationError
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination, PageNumberPagination
from rest_framework.response import Response

from config.kit.errors import FieldError, Invalid


class CursorPage(CursorPagination):
    """`{"results": […], "next": cursor, "previous": cursor}`; constant cost at any depth, never a count."""

    ordering: str | tuple[str, ...] = "-id"
    page_size = 25
    max_page_size = 100
    page_size_query_param = "page_size"

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> Any:
        """Raises Invalid (400) for a cursor that is not ours; DRF compares its position with any column."""
        if self.cursor_query_param not in request.query_params:
            return super().paginate_queryset(queryset, request, view)
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, ValueError, OverflowError, ValidationError):
            self._refuse_cursor()

    def _refuse_cursor(self) -> NoReturn:
        detail = "Pass `next` or `previous` of an earlier page, unchanged."
        raise Invalid([FieldError(self.cursor_query_param, "invalid_cursor", detail)]) from None

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "results": data,
                "next": self._cursor(self.get_next_link()),
                "previous": self._cursor(self.get_previous_link()),
            }
        )

    def _cursor(self, link: str | None) -> str | None:
        return parse_qs(urlsplit(link).query)[self.cursor_query_param][0] if link else None

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        cursor = {
            "type": ["string", "null"],
            "description": "Pass as `cursor` for that page.",
            "example": None,
        }
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": cursor, "previous": cursor},
        }


class NumberedPage(PageNumberPagination):
    """`{"items": […], "page", "pageSize", "total"}` as the License Operator answers (E8, E22)."""

    page_size = 20
    max_page_size = 100
    page_size_query_param = "pageSize"

    def get_paginated_response(self, data: Any) -> Response:
        page = self.page
        assert page is not None  # noqa: S101 - DRF sets it before it asks for the response
        size = self.get_page_size(self.request) if self.request else self.page_size
        return Response({"items": data, "page": page.number, "pageSize": size, "total": page.paginator.count})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        count = {"type": "integer", "minimum": 0, "example": 1}
        return {
            "type": "object",
            "required": ["items", "page", "pageSize", "total"],
            "properties": {"items": schema, "page": count, "pageSize": count, "total": count},
        }
