"""Statements that are compiled once. For the few hot paths where building SQL costs more than running it.

Django builds the text of a query anew on every call: for a wide row that is a millisecond, more than an
RSA signature. Here the queryset is compiled at its first use and run with other parameters afterwards;
rows still become ordinary model instances, or tuples. Everything else uses the ORM as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import RawSQL
from django.db.models.query import get_related_populators

from config.kit.inserting import insert, insert_many, insert_once, insert_rows
from config.kit.sending import Rows, Text, bound, connection, fetch, pipelined, read, start

__all__ = [
    "Rows",
    "Select",
    "SelectRows",
    "Slot",
    "Statement",
    "among",
    "insert",
    "insert_many",
    "insert_once",
    "insert_rows",
    "pipelined",
]

M = TypeVar("M", bound=models.Model)
R = TypeVar("R")


class Slot:
    """Stands for a parameter while a queryset is compiled."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Compiled(Generic[R]):
    """A queryset compiled once for each database vendor.

    `build` returns the queryset for given parameters; it is called once, with marker values that are
    recognised among the compiled parameters. Markers are unlikely values of the right type.
    """

    def __init__(self, build: Callable[..., models.QuerySet[Any, R]], **markers: Any) -> None:
        self._build = build
        self._markers = markers
        self._compiled: dict[str, tuple[Text, list[Any], Callable[[Rows], list[R]]]] = {}

    def rows(self, **values: Any) -> list[R]:
        """Run the statement with these values and return its rows."""
        return self.start(**values)()

    def start(self, **values: Any) -> Callable[[], list[R]]:
        """Begin the statement; call what comes back for the rows. Within `pipelined` it waits to be sent."""
        here = connection()
        text, params, shape = self._compiled.get(here.vendor) or self._compile(here)
        rows = start(here, text, [values[p.name] if type(p) is Slot else p for p in params])
        return lambda: shape(rows())

    def _compile(self, here: BaseDatabaseWrapper) -> tuple[Text, list[Any], Callable[[Rows], list[R]]]:
        compiler = self._build(**self._markers).query.get_compiler(connection=here)
        sql, raw = compiler.as_sql()
        names = {bound(value, here): name for name, value in self._markers.items()}
        params: list[Any] = [Slot(names[p]) if p in names else p for p in raw]
        missing = set(self._markers) - {p.name for p in params if isinstance(p, Slot)}
        if missing:
            raise RuntimeError(f"Not among the compiled parameters: {sorted(missing)}.")
        self._compiled[here.vendor] = (Text(sql), params, self._shape(compiler, here))
        return self._compiled[here.vendor]

    def _shape(self, compiler: Any, here: BaseDatabaseWrapper) -> Callable[[Rows], list[R]]:
        raise NotImplementedError


class Statement:
    """A statement written by hand, with `%s` for its values."""

    def __init__(self, sql: str) -> None:
        self._text = Text(sql)

    def rows(self, *values: Any) -> Rows:
        """Run the statement and return what it selects or returns."""
        return fetch(connection(), self._text, list(values))

    def read(self, *values: Any) -> Rows:
        """As `rows`, over a new connection when the old one was lost while it was idle: for what may run twice."""
        return read(connection(), self._text, list(values))

    def start(self, *values: Any) -> Callable[[], Rows]:
        """Begin the statement; call what comes back for the rows. Within `pipelined` it waits to be sent."""
        return start(connection(), self._text, list(values))


class SelectRows(_Compiled[tuple[Any, ...]]):
    """A SELECT of tuples: `build` returns a `values_list`."""

    def _shape(self, compiler: Any, here: BaseDatabaseWrapper) -> Callable[[Rows], Rows]:
        return _converting(compiler)


class Select(_Compiled[M]):
    """A SELECT of model instances with their related ones, made as a queryset makes them."""

    def _shape(self, compiler: Any, here: BaseDatabaseWrapper) -> Callable[[Rows], list[M]]:
        info = compiler.klass_info
        model: type[M] = info["model"]
        columns = slice(info["select_fields"][0], info["select_fields"][-1] + 1)
        names = [column[0].target.attname for column in compiler.select[columns]]
        populators = get_related_populators(info, compiler.select, here.alias)  # type: ignore[call-arg] # Django 6
        annotations = list(compiler.annotation_col_map.items())
        convert, alias = _converting(compiler), here.alias

        def instance(row: tuple[Any, ...]) -> M:
            made = model.from_db(alias, names, row[columns])
            for populator in populators:
                populator.populate(row, made)
            for name, position in annotations:
                setattr(made, name, row[position])
            return made

        return lambda found: [instance(row) for row in convert(found)]


def _converting(compiler: Any) -> Callable[[Rows], Rows]:
    """What the fields make of the driver's values, as a queryset applies it."""
    converters = compiler.get_converters([column[0] for column in compiler.select])
    if not converters:
        return lambda found: found
    return lambda found: [tuple(row) for row in compiler.apply_converters(found, converters)]


def among(ids: Iterable[int]) -> RawSQL | list[int]:
    """The right side of `__in` for many ids.

    On PostgreSQL one array: a placeholder for each costs the driver more than reading their rows.
    """
    if connection().vendor != "postgresql":
        return list(ids)
    return RawSQL("SELECT unnest(%s::bigint[])", [list(ids)])
