"""Statements that are compiled once. For the few hot paths where building SQL costs more than running it.

Django builds the text of a query anew on every call: for a wide row that is a millisecond, more than an
RSA signature. Here the queryset is compiled at its first use and run with other parameters afterwards;
rows still become ordinary model instances, or tuples. Everything else uses the ORM as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from types import NoneType
from typing import Any, Generic, TypeAlias, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db import (
    DEFAULT_DB_ALIAS,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connections,
    models,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import RawSQL
from django.db.models.query import get_related_populators

M = TypeVar("M", bound=models.Model)
R = TypeVar("R")
Rows: TypeAlias = list[tuple[Any, ...]]


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
        self._compiled: dict[str, tuple[_Text, list[Any], Callable[[Rows], list[R]]]] = {}

    def rows(self, **values: Any) -> list[R]:
        """Run the statement with these values and return its rows."""
        return self.start(**values)()

    def start(self, **values: Any) -> Callable[[], list[R]]:
        """Begin the statement; call what comes back for the rows. Within `pipelined` it waits to be sent."""
        here = _connection()
        text, params, shape = self._compiled.get(here.vendor) or self._compile(here)
        rows = _start(here, text, [values[p.name] if type(p) is Slot else p for p in params])
        return lambda: shape(rows())

    def _compile(self, here: BaseDatabaseWrapper) -> tuple[_Text, list[Any], Callable[[Rows], list[R]]]:
        compiler = self._build(**self._markers).query.get_compiler(connection=here)
        sql, raw = compiler.as_sql()
        names = {_bound(value, here): name for name, value in self._markers.items()}
        params: list[Any] = [Slot(names[p]) if p in names else p for p in raw]
        missing = set(self._markers) - {p.name for p in params if isinstance(p, Slot)}
        if missing:
            raise RuntimeError(f"Not among the compiled parameters: {sorted(missing)}.")
        self._compiled[here.vendor] = (_Text(sql), params, self._shape(compiler, here))
        return self._compiled[here.vendor]

    def _shape(self, compiler: Any, here: BaseDatabaseWrapper) -> Callable[[Rows], list[R]]:
        raise NotImplementedError


class Statement:
    """A statement written by hand, with `%s` for its values."""

    def __init__(self, sql: str) -> None:
        self._text = _Text(sql)

    def rows(self, *values: Any) -> Rows:
        """Run the statement and return what it selects or returns."""
        return _fetch(_connection(), self._text, list(values))

    def read(self, *values: Any) -> Rows:
        """As `rows`, over a new connection when the old one was lost while it was idle: for what may run twice."""
        return _read(_connection(), self._text, list(values))

    def start(self, *values: Any) -> Callable[[], Rows]:
        """Begin the statement; call what comes back for the rows. Within `pipelined` it waits to be sent."""
        return _start(_connection(), self._text, list(values))


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
    if _connection().vendor != "postgresql":
        return list(ids)
    return RawSQL("SELECT unnest(%s::bigint[])", [list(ids)])


# --- writing ------------------------------------------------------------------------------------------


def insert(instance: models.Model) -> None:
    """Insert a new row, as `save(force_insert=True)` does, from a statement that is compiled once.

    For append-only rows of plain models: no inheritance, no signals, no field that sets its own value;
    columns with a database default are left to the database, and only the key is read back. Within
    `pipelined` the row is sent at the end, or before the next answer is waited for, and its key is known
    after that.
    """
    here = _connection()
    table = _tables.get((here.vendor, type(instance))) or _Table.of(type(instance), here)
    values = table.values(instance, here)
    queue = _queue_of(here)
    if queue is not None:
        queue.add(table.insert, values, lambda rows: setattr(instance, "pk", rows[0][0]))
    elif here.features.can_return_columns_from_insert:
        instance.pk = _fetch(here, table.insert, values)[0][0]
    else:
        with here.cursor() as cursor:
            cursor.execute(table.insert.sql, values)
            instance.pk = here.ops.last_insert_id(cursor, instance._meta.db_table, "id")
    instance._state.adding, instance._state.db = False, here.alias


def insert_once(instance: models.Model, unique: str) -> bool:
    """As `insert`, unless there is a row with the same value of the column `unique` already: then False.

    One statement on PostgreSQL and SQLite; elsewhere an insert that may fail in a savepoint.
    """
    here = _connection()
    if here.vendor not in {"postgresql", "sqlite"}:
        return _inserted(instance, unique)
    table = _tables.get((here.vendor, type(instance))) or _Table.of(type(instance), here)
    text = _once.get(table.insert.sql) or _once.setdefault(table.insert.sql, _unless(table, instance, unique))
    rows = _fetch(here, text, table.values(instance, here))
    if not rows:
        return False
    instance.pk = rows[0][0]
    instance._state.adding, instance._state.db = False, here.alias
    return True


def _unless(table: _Table, instance: models.Model, unique: str) -> _Text:
    column = _connection().ops.quote_name(str(instance._meta.get_field(unique).column))  # type: ignore[union-attr] # a plain column
    head, _, tail = table.insert.sql.partition(" RETURNING ")
    return _Text(f"{head} ON CONFLICT ({column}) DO NOTHING RETURNING {tail}")


def _inserted(instance: models.Model, unique: str) -> bool:
    try:
        with transaction.atomic():
            insert(instance)
    except IntegrityError:
        if type(instance)._base_manager.filter(**{unique: getattr(instance, unique)}).exists():
            return False
        raise
    return True


_once: dict[str, _Text] = {}


def insert_many(instances: Iterable[models.Model]) -> None:
    """Insert many new rows of one plain model, without reading their keys back. As `insert`."""
    rows = list(instances)
    if not rows:
        return
    here, model = _connection(), type(rows[0])
    if here.vendor != "postgresql":
        model._base_manager.bulk_create(rows, batch_size=1000)
        return
    table = _tables.get((here.vendor, model)) or _Table.of(model, here)
    _copy(here, model, table.names, (table.values(row, here) for row in rows))


def insert_rows(model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """As `insert_many`, for rows that nobody needs as instances: the values of the columns `names`.

    The values are what a model would hold, except for JSON, which is text already.
    """
    here = _connection()
    if here.vendor == "postgresql":
        _copy(here, model, names, rows)
        return
    json_at = {n for n, name in enumerate(names) if isinstance(model._meta.get_field(name), models.JSONField)}
    instances = [
        model(**{
            name: json.loads(value) if n in json_at else value
            for n, (name, value) in enumerate(zip(names, row, strict=True))
        })
        for row in rows
    ]  # fmt: skip
    model._base_manager.bulk_create(instances, batch_size=1000)


def _copy(
    here: BaseDatabaseWrapper, model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """PostgreSQL takes rows by COPY at a third of the cost of an INSERT of the same rows."""
    quote = here.ops.quote_name
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    columns = ", ".join(quote(f.column) for f in fields)
    sql = f"COPY {quote(model._meta.db_table)} ({columns}) FROM STDIN"
    with here.cursor() as cursor, cursor.copy(sql) as copy:
        for row in rows:
            copy.write_row(row)


# What the driver takes as it is, whatever the column; a field's own conversion costs more than the value.
_PLAIN = frozenset({str, int, bool, NoneType, UUID, datetime, bytes})


@dataclass(frozen=True, slots=True)
class _Table:
    """How new rows of a model are written: the statement, and the fields in its order."""

    insert: _Text
    fields: list[tuple[str, models.Field[Any, Any], bool]]

    @classmethod
    def of(cls, model: type[models.Model], here: BaseDatabaseWrapper) -> _Table:
        quote = here.ops.quote_name
        fields = [
            f
            for f in model._meta.local_concrete_fields
            if not isinstance(f, models.AutoField) and not f.has_db_default()
        ]
        columns = ", ".join(quote(str(f.column)) for f in fields)
        places = ", ".join("%s" for _ in fields)
        sql = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({places})"  # noqa: S608 - our own names
        if here.features.can_return_columns_from_insert:
            sql += f" RETURNING {quote(str(model._meta.pk.column))}"
        native = here.vendor == "postgresql"
        table = cls(
            _Text(sql), [(f.attname, f, native and not isinstance(f, models.JSONField)) for f in fields]
        )
        _tables[here.vendor, model] = table
        return table

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.fields]

    def values(self, instance: models.Model, here: BaseDatabaseWrapper) -> list[Any]:
        return [
            value
            if type(value := getattr(instance, name)) in _PLAIN and native
            else f.get_db_prep_save(value, connection=here)
            for name, f, native in self.fields
        ]


_tables: dict[tuple[str, type[models.Model]], _Table] = {}


# --- sending ------------------------------------------------------------------------------------------


class _Text:
    """The text of a statement with the driver's placeholders, and with PostgreSQL's own."""

    def __init__(self, sql: str) -> None:
        number = count(1)
        self.sql = sql
        self.numbered = re.sub("%s|%%", lambda found: "%" if found[0] == "%%" else f"${next(number)}", sql)


@contextmanager
def pipelined() -> Iterator[None]:
    """A transaction that waits for the database twice: for what it reads first, and for its end.

    `Select.start`, `Statement.start` and `insert` gather statements; the first answer that is asked for
    sends them all, and the end of the block sends the rest together with the COMMIT. Other statements of the
    block do not see an insert that still waits, and an inner `atomic` has no place in it. An error surfaces
    where the answer does, at the latest at the end. Elsewhere than on PostgreSQL, and inside another
    transaction, this is an ordinary `atomic`.
    """
    here = _connection()
    if here.in_atomic_block or not _prepares(here):
        with transaction.atomic():
            yield
        return
    with transaction.atomic():
        queue = _queues[here] = _Queue(here)
        try:
            yield
        finally:
            del _queues[here]
        if not here.needs_rollback:
            # Django finds nothing left to commit, and goes on to what waits for the commit.
            queue.send(commit=True)


class _Queue:
    """Statements of a pipelined transaction that wait to be sent together."""

    def __init__(self, here: BaseDatabaseWrapper) -> None:
        self._here = here
        self._waiting: list[tuple[str, list[Any]]] = []
        self._takers: list[Callable[[Rows], None]] = []

    def add(self, text: _Text, values: list[Any], taker: Callable[[Rows], None]) -> None:
        self._waiting.append((text.numbered, values))
        self._takers.append(taker)

    def send(self, *, commit: bool = False) -> None:
        calls, takers = self._waiting, self._takers
        self._waiting, self._takers = [], []
        for taker, rows in zip(takers, _run(self._here, calls, commit=commit), strict=True):
            taker(rows)


_queues: WeakKeyDictionary[BaseDatabaseWrapper, _Queue] = WeakKeyDictionary()


def _queue_of(here: BaseDatabaseWrapper) -> _Queue | None:
    queue = _queues.get(here)
    if queue is not None and here.savepoint_ids:
        raise RuntimeError(
            "A savepoint cannot keep what waits to be sent: no inner transaction in `pipelined`."
        )
    return queue


def _start(here: BaseDatabaseWrapper, text: _Text, values: list[Any]) -> Callable[[], Rows]:
    queue = _queue_of(here)
    if queue is None:
        rows = _read(here, text, values)
        return lambda: rows
    found: list[Rows] = []
    queue.add(text, values, found.append)

    def finish() -> Rows:
        if not found:
            queue.send()
        return found[0]

    return finish


def _read(here: BaseDatabaseWrapper, text: _Text, values: list[Any]) -> Rows:
    """The rows of a SELECT. A connection that was lost while it was idle is replaced.

    Asking before each call whether it still lives, as Django does for its own, would be a second query.
    """
    try:
        return _fetch(here, text, values)
    except (OperationalError, InterfaceError):
        if here.in_atomic_block or here.is_usable():
            raise
        here.close()
        return _fetch(here, text, values)


def _fetch(here: BaseDatabaseWrapper, text: _Text, values: list[Any]) -> Rows:
    if _prepares(here):
        return _run(here, [(text.numbered, values)])[0]
    with here.cursor() as cursor:
        cursor.execute(text.sql, [_bound(value, here) for value in values])
        rows: Rows = cursor.fetchall() if cursor.description else []
        return rows


def _prepares(here: BaseDatabaseWrapper) -> bool:
    """Does this connection keep prepared statements (SIGNET_DATABASE_PREPARE)?

    Not where a pooler hands each transaction to another server connection and cannot follow them, and not
    while Django is asked to log its queries.
    """
    if here.vendor != "postgresql" or here.queries_logged:
        return False
    here.ensure_connection()
    return here.connection.prepare_threshold is not None


def _run(
    here: BaseDatabaseWrapper, calls: list[tuple[str, list[Any]]], *, commit: bool = False
) -> list[Rows]:
    from config.kit.prepared import run

    here.validate_no_broken_transaction()
    with here.wrap_database_errors:
        return run(here.connection, calls, commit=commit)


def _bound(value: Any, here: BaseDatabaseWrapper) -> Any:
    """A value as the database takes it: a UUID or an instant is text where the database has no such type."""
    if isinstance(value, datetime) and here.vendor != "postgresql":
        return here.ops.adapt_datetimefield_value(value)
    return value.hex if isinstance(value, UUID) and not here.features.has_native_uuid_field else value


def _connection() -> BaseDatabaseWrapper:
    """The thread's connection itself: its proxy costs a look-up for every attribute."""
    return connections[DEFAULT_DB_ALIAS]
