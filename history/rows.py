"""Reading events as the texts that leaves are made of, past Django's converters: verifying reads them all."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, DateTimeField, Field, TextField
from django.db.models.expressions import Combinable, F
from django.db.models.functions import Cast
from django.db.models.sql.compiler import SQLCompiler

from history.domain.leaves import Row
from history.models import Event


class InstantText(Cast):
    """An instant as text in UTC, whatever the style of dates of the session."""

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> tuple[str, Any]:
        template = "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        return self.as_sql(compiler, connection, template=template, **context)


def event_texts(prefix: str = "") -> list[Combinable]:
    """Return expressions for the columns of a `Row`; `prefix` is the way to the event (`event__`)."""
    return [_text(Event._meta.get_field(name), prefix + name) for name in Row._fields]  # noqa: SLF001 - Django documents `_meta`


def as_bytes(value: object) -> bytes:
    """Return a stored hash; nothing when the column holds no bytes, which SQLite does not prevent."""
    return bytes(value) if isinstance(value, bytes | memoryview) else b""


def _text(field: Any, path: str) -> Combinable:
    if isinstance(field, DateTimeField):
        return InstantText(path, TextField())
    kept: tuple[type[Field[Any, Any]], ...] = (CharField,)
    return F(path) if isinstance(field, kept) else Cast(path, TextField())
