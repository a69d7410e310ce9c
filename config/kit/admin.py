"""Bases of the admin. The admin is an interface like any other: it calls services and renders refusals."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import connections
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from unfold.admin import ModelAdmin

from config.kit.errors import Refusal

COUNT_LIMIT = 10_000


class BoundedPaginator(Paginator[Any]):
    """Counts at most `COUNT_LIMIT` rows exactly; beyond that it takes PostgreSQL's own estimate."""

    @cached_property
    def count(self) -> int:
        queryset: Any = self.object_list
        bounded = self.bounded(queryset)
        if bounded <= COUNT_LIMIT:
            return bounded
        return max(bounded, self._estimate(queryset))

    def bounded(self, queryset: Any) -> int:
        """How many rows there are, at most one more than the bound."""
        count: int = queryset.order_by()[: COUNT_LIMIT + 1].count()
        return count

    def _estimate(self, queryset: Any) -> int:
        connection = connections[queryset.db]
        if connection.vendor != "postgresql" or queryset.query.where:
            return COUNT_LIMIT + 1
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)",
                [queryset.model._meta.db_table],
            )
            row = cursor.fetchone()
        return int(row[0]) if row else 0


class BaseAdmin(ModelAdmin):  # type: ignore[misc] # unfold ships no types
    """Every admin of ours: no count of big tables, no bulk delete, compressed filters with one submit."""

    show_full_result_count = False
    paginator = BoundedPaginator
    list_per_page = 50
    list_filter_submit = True
    compressed_fields = True
    warn_unsaved_form = True
    actions: Any = ()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """A list is called after what it lists: browser tabs and screen readers tell nothing else of it."""
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        found: dict[str, Any] = super().get_actions(request)
        found.pop("delete_selected", None)
        return found

    def done_with_each(
        self,
        request: HttpRequest,
        rows: QuerySet[Any],
        deed: Callable[[Any], Any],
        *,
        said: str,
        refused: str,
    ) -> None:
        """Do something about the rows that were chosen, the oldest first.

        `said` and `refused` follow a count; equal refusals are told once.
        """
        done, left = 0, dict[str, int]()
        for row in rows.order_by("pk"):
            try:
                deed(row)
                done += 1
            except Refusal as refusal:
                left[refusal.detail] = left.get(refusal.detail, 0) + 1
        for detail, number in left.items():
            messages.error(request, f"{number} {refused}: {detail}")
        if done:
            messages.success(request, f"{done} {said}")


class _Refused:
    """What a refused form is made of: the refusal's errors stand at their fields."""

    refusal: Refusal

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc] # mixed into a ModelForm
        form: Any = self
        entries = self.refusal.members.get("errors") or [{"pointer": "", "detail": self.refusal.detail}]
        for entry in entries:
            name = str(entry["pointer"]).removeprefix("/").partition("/")[0]
            form.add_error(name if name in form.fields else None, entry["detail"])


NOT_COVERED = frozenset({HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN})


class ServiceAdmin(BaseAdmin):
    """An admin whose `save_model` calls a service. A refusal undoes everything and shows the form again.

    The page keeps the refusal's status where there is nothing to put right in the form.
    """

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Refusal as refusal:
            vars(request)["refusal"] = refusal
            answer = super().changeform_view(request, *args, **kwargs)
            if refusal.status in NOT_COVERED:
                answer.status_code = refusal.status
            return answer

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        refusal = vars(request).get("refusal")
        return form if refusal is None else type(form.__name__, (_Refused, form), {"refusal": refusal})

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Nothing: the service wrote what belongs to the row."""


class ReadOnlyAdmin(BaseAdmin):
    """A view-only list and page, for ledgers and for rows that only services change."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def tell(request: HttpRequest, refusal: Refusal) -> None:
    """Show a refusal to staff as an error message."""
    messages.error(request, refusal.detail)
