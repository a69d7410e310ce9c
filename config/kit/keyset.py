"""Pages of a long table at the same cost at any depth: each begins behind the last row of the one before.

A page is asked for by its edge, the values of one row, instead of by how many rows to skip. Every statement
is one range of one index: "the same value, further keys", then "the further values", then "no value at all";
no database is asked for an OR or a comparison of rows, which few answer from an index.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Case, DateTimeField, F, Field, IntegerField, Model, QuerySet, When
from django.db.models.expressions import OrderBy
from django.db.models.functions import Coalesce

MOST = 2**63 - 1
LONGEST = 2_000
FEW = 2_000
"""Up to so many rows are better all found: a database that seeks the newest believes they are spread evenly."""


@dataclass(frozen=True, slots=True)
class Order:
    """One column, then the primary key, so that no two rows are equal. Rows without a value count as greatest.

    `field` is a path of the ORM, empty for the key alone. `key_descends` is the direction of the key among
    equals; an index has to have the same pair of directions, or both turned round. `sorts` keeps the database
    from following an index of the order: it finds the rows by their filters and sorts them.

    `ranks` gives the values of a column of few values in an order that no index knows, such as foreign keys by the
    name of what they point to: each value is then a range of its own of the column's index. Others are left out.
    """

    field: str = ""
    descends: bool = True
    key_descends: bool = True
    nullable: bool = False
    sorts: bool = False
    ranks: Callable[[], Iterable[Any]] | None = None

    def reversed(self) -> Order:
        return replace(self, descends=not self.descends, key_descends=not self.key_descends)

    def expressions(self) -> list[Any]:
        """What `order_by` takes."""
        return [*([self._by_field()] if self.field else []), *self.by_key()]

    def by_key(self) -> list[Any]:
        """What `order_by` takes among rows of one value."""
        key = self._column("pk")
        return [key.desc() if self.key_descends else key.asc()]

    def ranked(self) -> list[Any]:
        """The values of `ranks`, in the direction of the order."""
        values = list(self.ranks()) if self.ranks else []
        return values[::-1] if self.descends else values

    def _by_field(self) -> OrderBy:
        if self.ranks:
            places = [When(**{self.field: value}, then=place) for place, value in enumerate(self.ranked())]
            return Case(*places, default=len(places), output_field=IntegerField()).asc()
        column = self._column(self.field)
        if not self.nullable:
            return column.desc() if self.descends else column.asc()
        return column.desc(nulls_first=True) if self.descends else column.asc(nulls_last=True)

    def _column(self, name: str) -> F | Coalesce:
        return Coalesce(name, name) if self.sorts else F(name)


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a page ends: value and key of a row; `position` counts from 0 and is for the eye only."""

    value: Any
    pk: Any
    position: int | None = None

    def text(self) -> str:
        """The edge as it stands in an address."""
        value = self.value.isoformat() if hasattr(self.value, "isoformat") else self.value
        raw = json.dumps([value, self.pk, self.position], separators=(",", ":"), ensure_ascii=False)
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def edge_of(text: str, order: Order, model: type[Model]) -> Edge | None:
    """Read an edge from an address; None for what no edge of this order can be."""
    if len(text) > LONGEST:
        return None
    try:
        value, pk, position = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        value = _value(value, _column(model, order.field)) if order.field else None
    except (ValueError, TypeError, binascii.Error, ValidationError, RecursionError):
        return None
    if not _is_count(pk) or not (position is None or _is_count(position)):
        return None
    if value is None and order.field and not order.nullable:
        return None
    return Edge(value, pk, position)


def _is_count(number: Any) -> bool:
    return type(number) is int and 0 <= number <= MOST


def _column(model: type[Model], path: str) -> Field[Any, Any]:
    options = model._meta
    *relations, name = path.split("__")
    for relation in relations:
        options = options.get_field(relation).related_model._meta  # type: ignore[union-attr] # a path of ours
    return options.get_field(name)  # type: ignore[return-value] # as above


def _value(raw: Any, column: Field[Any, Any]) -> Any:
    """Raises ValueError, TypeError or ValidationError for what the column cannot be compared with."""
    if raw is None:
        return None
    if isinstance(column, DateTimeField):
        at = datetime.fromisoformat(raw)
        if at.tzinfo is None:
            raise ValueError
        return at
    if isinstance(raw, str):
        raw.encode()  # raises for a lone surrogate
        if "\0" in raw:
            raise ValueError
    elif not isinstance(raw, int) or abs(raw) > MOST:
        raise ValueError
    return column.to_python(raw)


@dataclass(frozen=True, slots=True)
class Page:
    """Value and key of each row of a page, and whether there are rows on either side of it."""

    rows: list[tuple[Any, Any]]
    has_previous: bool
    has_next: bool
    position: int | None

    @property
    def keys(self) -> list[Any]:
        return [pk for _, pk in self.rows]

    @property
    def first(self) -> Edge:
        return Edge(*self.rows[0], self.position)

    @property
    def last(self) -> Edge:
        return Edge(*self.rows[-1], None if self.position is None else self.position + len(self.rows) - 1)


def first_page(rows: QuerySet[Any], order: Order, size: int) -> Page:
    found = _take(rows, order, None, size + 1)
    return Page(found[:size], has_previous=False, has_next=len(found) > size, position=0)


def last_page(rows: QuerySet[Any], order: Order, size: int) -> Page:
    found = _take(rows, order.reversed(), None, size + 1)
    return Page(found[:size][::-1], has_previous=len(found) > size, has_next=False, position=None)


def page_after(rows: QuerySet[Any], order: Order, edge: Edge, size: int) -> Page:
    """The page behind an edge; the last page when nothing is there any more."""
    found = _take(rows, order, edge, size + 1)
    if not found:
        return last_page(rows, order, size)
    position = None if edge.position is None else edge.position + 1
    return Page(found[:size], has_previous=True, has_next=len(found) > size, position=position)


def page_before(rows: QuerySet[Any], order: Order, edge: Edge, size: int) -> Page:
    """The page ahead of an edge; the first page when that is not a whole one."""
    found = _take(rows, order.reversed(), edge, size + 1)
    if len(found) <= size:
        return first_page(rows, order, size)
    position = None if edge.position is None else max(edge.position - size, 1)
    return Page(found[:size][::-1], has_previous=True, has_next=True, position=position)


def newest(rows: QuerySet[Any], size: int) -> list[Any]:
    """The keys of the newest rows, for who shows no more of them: as quick for what is rare and old."""
    found = list(rows.order_by().values_list("pk", flat=True)[: FEW + 1])
    return sorted(found, reverse=True)[:size] if len(found) <= FEW else first_page(rows, Order(), size).keys


def _take(rows: QuerySet[Any], order: Order, edge: Edge | None, count: int) -> list[tuple[Any, Any]]:
    """The next rows behind an edge, from as many ranges as it takes."""
    found: list[tuple[Any, Any]] = []
    for part in _ranges(rows, order, edge):
        found += part.values_list(order.field or "pk", "pk")[: count - len(found)]
        if len(found) == count:
            break
    return found


def _ranges(rows: QuerySet[Any], order: Order, edge: Edge | None) -> Iterator[QuerySet[Any]]:
    if order.ranks:
        yield from _ranked_ranges(rows, order, edge)
        return
    if edge is None:
        yield rows.order_by(*order.expressions())
        return
    further = {f"pk__{'lt' if order.key_descends else 'gt'}": edge.pk}
    if not order.field:
        yield rows.filter(**further).order_by(*order.by_key())
        return
    is_null, field = f"{order.field}__isnull", order.field
    same = {is_null: True} if edge.value is None else {field: edge.value}
    yield rows.filter(**same, **further).order_by(*order.by_key())
    in_order = order.expressions()
    if edge.value is None:
        if order.descends:  # the rows without a value came first
            yield rows.filter(**{is_null: False}).order_by(*in_order)
        return
    yield rows.filter(**{f"{field}__{'lt' if order.descends else 'gt'}": edge.value}).order_by(*in_order)
    if order.nullable and not order.descends:
        yield rows.filter(**{is_null: True}).order_by(*order.by_key())


def _ranked_ranges(rows: QuerySet[Any], order: Order, edge: Edge | None) -> Iterator[QuerySet[Any]]:
    """One range for each value, so that every statement is one of an index of the column and the key."""
    values = order.ranked()
    if edge is not None:
        if edge.value not in values:
            return
        further = {f"pk__{'lt' if order.key_descends else 'gt'}": edge.pk}
        yield rows.filter(**{order.field: edge.value}, **further).order_by(*order.by_key())
        values = values[values.index(edge.value) + 1 :]
    if order.sorts:
        yield rows.filter(**{f"{order.field}__in": values}).order_by(*order.expressions())
        return
    for value in values:
        yield rows.filter(**{order.field: value}).order_by(*order.by_key())
