"""Lists of the admin over tables of any size: keyset pages, a bounded count, and what the filters say in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import attrgetter
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib.admin.options import IS_POPUP_VAR, TO_FIELD_VAR
from django.contrib.admin.views.main import ERROR_FLAG, ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.db import connections
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from config.kit.admin import COUNT_LIMIT, BoundedPaginator
from config.kit.keyset import Order, Page, edge_of, first_page, last_page, page_after, page_before

AFTER, BEFORE, LAST = "after-", "before-", "last"
PASSING = frozenset({PAGE_VAR, ERROR_FLAG, IS_POPUP_VAR, TO_FIELD_VAR, "_changelist_filters"})
FEW = 50_000
"""Up to so many rows are sorted rather than sought along the index of an order that the filters know nothing of."""


class KeysetPaginator(BoundedPaginator):
    """Counts for the eye; the pages themselves are the list's."""

    template_name = "admin/signet/pages.html"

    def bounded(self, queryset: QuerySet[Any]) -> int:
        """Counted over a column that a filter compares anyway: an index of the filters alone can tell it."""
        column = next(_columns(queryset.query), None)
        return super().bounded(queryset if column is None else queryset.values(column))


class KeysetChangeList(ChangeList):  # type: ignore[misc] # unfold ships no types
    """A list whose pages begin behind a row. One column orders it at a time; the key decides among equals."""

    model_admin: Any
    params: dict[str, str]
    queryset: QuerySet[Any]

    def get_results(self, request: HttpRequest) -> None:
        """Nothing yet: an export takes `queryset` and needs neither a page nor a count."""
        self.paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
        self.asked = request.GET.get(PAGE_VAR, "")
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = True

    # --- order ------------------------------------------------------------------------------------

    @cached_property
    def order(self) -> Order:
        orders: Mapping[str, Order] = self.model_admin.list_orders
        for index, direction in self.get_ordering_field_columns().items():
            order = orders[self.list_display[index]]
            return order.reversed() if direction == "desc" else order
        newest_first: Order = self.model_admin.list_order(self.params)
        return newest_first

    def get_ordering_field_columns(self) -> dict[int, str]:
        """The one column that orders the list; none when it stands as it was made, newest first."""
        for part in self.params.get(ORDER_VAR, "").split("."):
            _, sign, number = part.rpartition("-")
            index = int(number) if number.isascii() and number.isdecimal() and len(number) < 4 else -1  # noqa: PLR2004 - no list has a thousand columns
            if (
                0 <= index < len(self.list_display)
                and self.list_display[index] in self.model_admin.list_orders
            ):
                return {index: "desc" if sign else "asc"}
        return {}

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        return self.order.expressions()

    # --- a page -----------------------------------------------------------------------------------

    @cached_property
    def result_count(self) -> int:
        count: int = self.paginator.count
        return count

    @property
    def full_result_count(self) -> int:
        """As many as there are: the head of the page has nothing to tell beside what stands below the table."""
        return self.result_count

    @cached_property
    def page(self) -> Page:
        rows, order, size = self.queryset.select_related(None), self._seek(), self.list_per_page
        if self.asked == LAST:
            return last_page(rows, order, size)
        for prefix, take in ((AFTER, page_after), (BEFORE, page_before)):
            if self.asked.startswith(prefix):
                edge = edge_of(self.asked.removeprefix(prefix), order, self.model)
                if edge is not None:
                    return take(rows, order, edge, size)
        return first_page(rows, order, size)

    @cached_property
    def result_list(self) -> list[Any]:
        """The rows of the page, read by their keys: the search for them needs none of their other columns."""
        keys = self.page.keys
        found = self.apply_select_related(self.root_queryset).in_bulk(keys) if keys else {}
        return [found[key] for key in keys if key in found]

    def _seek(self) -> Order:
        """The order, or its like that no index serves where filters leave few rows.

        PostgreSQL believes that what it looks for is spread evenly along an index, and would read a million rows
        in order to find the ten that stand at its end.
        """
        if not self.queryset.query.where or connections[self.queryset.db].vendor != "postgresql":
            return self.order
        few = self.result_count <= COUNT_LIMIT
        if not few and self.order.field and self.order.field not in _columns(self.queryset.query):
            few = self.queryset.order_by()[: FEW + 1].count() <= FEW
        return replace(self.order, sorts=few)

    def rows_to_export(self) -> tuple[QuerySet[Any], bool]:
        """All rows in the order of the list, and whether they are so few that they are better found, then sorted."""
        order = self._seek()
        return self.queryset.select_related(None).order_by(*order.expressions()), order.sorts

    # --- what stands below the table --------------------------------------------------------------

    @property
    def range_text(self) -> str:
        """Which rows these are: `51 to 100`."""
        page = self.page
        if not page.rows:
            return ""
        if page.position is None:
            return f"the last {len(page.rows):,}"
        return f"{page.position + 1:,} to {page.position + len(page.rows):,}"

    @property
    def count_text(self) -> str:
        """How many rows there are: exactly up to a bound, about where the database has an estimate."""
        count = self.result_count
        if count <= COUNT_LIMIT:
            return f"{count:,}"
        return f"about {count:,}" if count > COUNT_LIMIT + 1 else f"more than {COUNT_LIMIT:,}"

    def page_links(self) -> Iterator[tuple[str, str, str]]:
        """Name, icon and address of each neighbouring page; the address is empty where there is none."""
        page = self.page
        back, on = page.has_previous, page.has_next
        yield "First page", "first_page", self._page_url("") if back else ""
        yield "Previous page", "chevron_left", self._page_url(BEFORE + page.first.text()) if back else ""
        yield "Next page", "chevron_right", self._page_url(AFTER + page.last.text()) if on else ""
        yield "Last page", "last_page", self._page_url(LAST) if on else ""

    def _page_url(self, page: str) -> str:
        url: str = self.get_query_string({PAGE_VAR: page} if page else {})
        return url

    def get_query_string(self, new_params: Any = None, remove: Any = None) -> str:
        """As Django's, remembered: the head of the table is built anew for each of its rows."""
        known: dict[str, str] = self.__dict__.setdefault("query_strings", {})
        name = repr((new_params, remove))
        if name not in known:
            known[name] = super().get_query_string(new_params, remove)
        return known[name]


def _columns(query: Any) -> Iterator[str]:
    """The columns of the list's own table that filters compare."""
    waiting, table = [query.where], query.get_initial_alias()
    for part in waiting:
        waiting += getattr(part, "children", ())
        column: Any = getattr(part, "lhs", None)
        if getattr(column, "alias", None) == table:
            yield column.target.attname


class KeysetList:
    """Mixed into an admin. `list_orders` says which columns order the list, and how when ascending.

    Columns are methods of the admin, functions of a row, or its fields; the first is the link to the row's page.
    """

    list_orders: ClassVar[Mapping[str, Order]] = {}
    change_list_template = "admin/signet/keyset_list.html"
    paginator = KeysetPaginator
    ordering = ("-pk",)

    def list_order(self, params: Mapping[str, str]) -> Order:
        """The order that nobody chose: newest first."""
        return Order()

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[KeysetChangeList]:
        return KeysetChangeList

    def get_sortable_by(self, request: HttpRequest) -> tuple[str, ...]:
        return tuple(self.list_orders)


def table_rows(
    changelist: KeysetChangeList, labels: Sequence[str], *, has_menu: bool
) -> Iterator[SafeString]:
    """The rows of the table; `labels` stand before the cells where there is no room for columns."""
    model_admin, options = changelist.model_admin, changelist.opts
    page = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=["0"])
    kept = f"?{changelist.preserved_filters}" if changelist.preserved_filters else ""
    cells = [
        (f"field-{getattr(name, '__name__', name)}", label, _cell(model_admin, name))
        for name, label in zip(changelist.list_display, labels, strict=True)
    ]
    leads_on = model_admin.list_display_links is not None  # else the cells have links of their own
    for row in changelist.result_list:
        values = [(style, label, cell(row)) for style, label, cell in cells]
        if leads_on:
            style, label, value = values[0]
            values[0] = (
                style,
                label,
                format_html('<a href="{}">{}</a>', page.replace("/0/", f"/{row.pk}/") + kept, value),
            )
        html = format_html_join("", '<td class="{}" data-label="{}">{}</td>', values)
        menu = format_html(_MENU, row.pk, model_admin.row_refuses(row), row) if has_menu else ""
        yield format_html("<tr>{}{}</tr>", html, menu)


def _cell(model_admin: Any, column: str | Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What writes a column: itself, a method of the admin, or the row's own field."""
    return column if callable(column) else getattr(model_admin, column, attrgetter(column))


_MENU = (
    '<td class="sg-row-cell" data-label="Actions"><button type="button" class="sg-row-button" data-row="{}"'
    ' data-refuses="{}" aria-haspopup="menu" aria-label="Actions of {}">'
    '<span class="material-symbols-outlined" aria-hidden="true">more_horiz</span></button></td>'
)


# --- filters in words ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on. `without` is the list without it."""

    title: str
    value: str
    without: str


def chips(changelist: Any) -> list[Chip]:
    """What narrows a list: its search and its filters, each with the way to take it back."""
    params = {name: value for name, value in changelist.params.items() if value}
    found = []
    if params.pop(SEARCH_VAR, ""):
        found.append(Chip("search", changelist.query, changelist.get_query_string({SEARCH_VAR: None})))
    for spec in changelist.filter_specs or ():
        values = {name: params.pop(name) for name in spec.expected_parameters() if name in params}
        if values:
            words = value_in_words(spec, list(values.values()))
            found.append(Chip(str(spec.title), words, changelist.get_query_string(dict.fromkeys(values))))
    others = sorted(params.keys() - PASSING - {ORDER_VAR})  # look-ups that have no filter of their own
    return found + [
        Chip(name.replace("__", " "), params[name], changelist.get_query_string({name: None}))
        for name in others
    ]


def value_in_words(spec: Any, values: list[str]) -> str:
    """What a filter is set to, as its form calls it."""
    in_words = getattr(spec, "in_words", None)
    if in_words is not None:
        return str(in_words())
    labels = {str(value): str(label) for value, label in _choices(spec)}
    return ", ".join(labels.get(value, value) for value in values)


def _choices(spec: Any) -> Any:
    if getattr(spec, "lookup_choices", None):
        return spec.lookup_choices
    field = getattr(spec, "field", None)
    if field is not None and field.flatchoices:
        return field.flatchoices
    return (("1", "yes"), ("0", "no"))


# --- ready-made lists ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ListPreset:
    """A list that many need: a name and the filters that make it, as they stand in an address."""

    slug: str
    title: str
    icon: str
    query: Mapping[str, str]

    @property
    def address(self) -> str:
        return f"?{urlencode(sorted(self.query.items()))}"


def list_query(params: QueryDict) -> str:
    """What of an address makes a list: its filters, search and order; neither the page nor what is empty."""
    kept = [
        (name, value) for name, values in params.lists() for value in values if value and name not in PASSING
    ]
    return urlencode(sorted(kept))
