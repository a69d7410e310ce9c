"""Inserts from statements that are compiled once. As `config.kit.statements`, for new rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Any
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from config.kit.sending import Text, connection, fetch, queue_of


def insert(instance: models.Model) -> None:
    """Insert a new row, as `save(force_insert=True)` does, from a statement that is compiled once.

    For append-only rows of plain models: no inheritance, no signals, no field that sets its own value;
    columns with a database default are left to the database, and only the key is read back. Within
    `pipelined` the row is sent at the end, or before the next answer is waited for, and its key is known
    after that.
    """
    here = connection()
    table = _tables.get((here.vendor, type(instance))) or _Table.of(type(instance), here)
    values = table.values(instance, here)
    queue = queue_of(here)
    if queue is not None:
        queue.add(table.insert, values, lambda rows: setattr(instance, "pk", rows[0][0]))
    elif here.features.can_return_columns_from_insert:
        instance.pk = fetch(here, table.insert, values)[0][0]
    else:
        with here.cursor() as cursor:
            cursor.execute(table.insert.sql, values)
            instance.pk = here.ops.last_insert_id(cursor, instance._meta.db_table, "id")
    instance._state.adding, instance._state.db = False, here.alias


def insert_once(instance: models.Model, unique: str) -> bool:
    """As `insert`, unless there is a row with the same value of the column `unique` already: then False.

    One statement on PostgreSQL and SQLite; elsewhere an insert that may fail in a savepoint.
    """
    here = connection()
    if here.vendor not in {"postgresql", "sqlite"}:
        return _inserted(instance, unique)
    table = _tables.get((here.vendor, type(instance))) or _Table.of(type(instance), here)
    text = _once.get(table.insert.sql) or _once.setdefault(table.insert.sql, _unless(table, instance, unique))
    rows = fetch(here, text, table.values(instance, here))
    if not rows:
        return False
    instance.pk = rows[0][0]
    instance._state.adding, instance._state.db = False, here.alias
    return True


def _unless(table: _Table, instance: models.Model, unique: str) -> Text:
    column = connection().ops.quote_name(str(instance._meta.get_field(unique).column))  # type: ignore[union-attr] # a plain column
    head, _, tail = table.insert.sql.partition(" RETURNING ")
    return Text(f"{head} ON CONFLICT ({column}) DO NOTHING RETURNING {tail}")


def _inserted(instance: models.Model, unique: str) -> bool:
    try:
        with transaction.atomic():
            insert(instance)
    except IntegrityError:
        if type(instance)._base_manager.filter(**{unique: getattr(instance, unique)}).exists():
            return False
        raise
    return True


_once: dict[str, Text] = {}


def insert_many(instances: Iterable[models.Model]) -> None:
    """Insert many new rows of one plain model, without reading their keys back. As `insert`."""
    rows = list(instances)
    if not rows:
        return
    here, model = connection(), type(rows[0])
    if here.vendor != "postgresql":
        model._base_manager.bulk_create(rows, batch_size=1000)
        return
    table = _tables.get((here.vendor, model)) or _Table.of(model, here)
    _copy(here, model, table.names, (table.values(row, here) for row in rows))


def insert_rows(model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """As `insert_many`, for rows that nobody needs as instances: the values of the columns `names`.

    The values are what a model would hold, except for JSON, which is text already.
    """
    here = connection()
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

    insert: Text
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
            Text(sql), [(f.attname, f, native and not isinstance(f, models.JSONField)) for f in fields]
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
