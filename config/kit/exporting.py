"""A list as a CSV file of any length: streamed in constant memory, in the order of the list.

PostgreSQL writes the file itself (COPY) and only the ids are put into their form here; other databases are
read row by row. Both make the same cells as `config.kit.csv`: no cell is a formula.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import EmptyResultSet, PermissionDenied
from django.db import connections, transaction
from django.db.models import Case, CharField, F, Func, QuerySet, TextField, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Concat, Left, NullIf
from django.db.models.lookups import In
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from config.kit.clock import now
from config.kit.csv import FORMULAS, csv_lines, csv_stream

ROWS_A_PIECE = 500
UUID_LETTERS = 36
LINE_END = b"\r\n"
UidText = Callable[[uuid.UUID], str]


class Cell(Enum):
    """What a column holds, and so how it is written."""

    UID = "a UUID, put into its public form; the first column and no other"
    TEXT = "what people typed, which may look like a formula"
    WORD = "a slug, a code or a state, which cannot"
    NUMBER = "a number"
    FLAG = "yes or no"
    INSTANT = "ISO 8601 in UTC"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file. `source` is a path of the ORM or an expression over the list's model."""

    header: str
    source: str | Combinable
    cell: Cell = Cell.WORD

    @property
    def expression(self) -> Any:
        return F(self.source) if isinstance(self.source, str) else self.source


def export_pieces(
    rows: QuerySet[Any], columns: Sequence[Column], uid_text: UidText, *, few: bool = False
) -> Iterator[bytes]:
    """The file piece by piece. `rows` have their order; the first column is the row's UUID.

    `few` lets PostgreSQL find all rows before it sorts them; without it they come along an index of their order.
    """
    header = [column.header for column in columns]
    if connections[rows.db].vendor == "postgresql":
        yield "".join(csv_lines(header, ())).encode()
        yield from _copied(rows, columns, uid_text, few=few)
    else:
        yield from (piece.encode() for piece in csv_lines(header, _read(rows, columns, uid_text)))


# --- PostgreSQL ---------------------------------------------------------------------------------------


def _copied(
    rows: QuerySet[Any], columns: Sequence[Column], uid_text: UidText, *, few: bool
) -> Iterator[bytes]:
    cells = [_WRITTEN[column.cell](column.expression) for column in columns]
    try:
        sql, params = rows.values_list(*cells).query.sql_with_params()
    except EmptyResultSet:  # filters that no row can pass
        return
    with transaction.atomic(using=rows.db), connections[rows.db].cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")
        if not few:  # the first rows at once, rather than all of them a little sooner
            cursor.execute("SET LOCAL enable_sort = off")
        with cursor.copy(f"COPY ({sql}) TO STDOUT WITH (FORMAT csv)", params) as copy:
            lines = (_line(bytes(data), uid_text) for data in copy)
            while piece := b"".join(islice(lines, ROWS_A_PIECE)):
                yield piece


def _line(text: bytes, uid_text: UidText) -> bytes:
    """A line as PostgreSQL wrote it, with the public form of the id that leads it, and the end that files have."""
    uid = uuid.UUID(int=int(text[:UUID_LETTERS].replace(b"-", b""), 16))
    return uid_text(uid).encode() + text[UUID_LETTERS:-1] + LINE_END


def _function(template: str) -> Callable[[Any], Any]:
    return lambda column: Func(column, template=template, output_field=CharField())


def _text(column: Any) -> Case:
    """No cell is a formula. The first letter is compared, for a regular expression a cell takes longer than the row."""
    quoted = When(In(Left(column, 1), FORMULAS), then=Concat(Value("'"), column, output_field=TextField()))
    return Case(quoted, default=NullIf(column, Value("")), output_field=TextField())


_WRITTEN: dict[Cell, Callable[[Any], Any]] = {
    Cell.UID: lambda column: Cast(column, CharField()),
    Cell.TEXT: _text,
    Cell.WORD: _function("NULLIF(%(expressions)s, '')"),
    Cell.NUMBER: lambda column: column,
    Cell.FLAG: _function("CASE WHEN %(expressions)s THEN 'yes' ELSE 'no' END"),
    Cell.INSTANT: _function("""to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""),
}


# --- other databases ----------------------------------------------------------------------------------


def _read(rows: QuerySet[Any], columns: Sequence[Column], uid_text: UidText) -> Iterator[Sequence[Any]]:
    found = rows.values_list(*(column.expression for column in columns))
    for uid, *others in found.iterator(chunk_size=ROWS_A_PIECE):
        yield [uid_text(uid), *others]


# --- in the admin -------------------------------------------------------------------------------------


class ExportList:
    """Mixed into an admin with a keyset list: the list, with filters, search and order as in the address, as a file."""

    model: Any
    export_columns: Sequence[Column] = ()

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc] # mixed into a ModelAdmin
        view = admin.site.admin_view(require_safe(self.export_view))
        return [path("export/", view, name=f"{self._export_name}_export"), *urls]

    @property
    def _export_name(self) -> str:
        return f"{self.model._meta.app_label}_{self.model._meta.model_name}"

    def export_uid(self, uid: uuid.UUID) -> str:
        """The public form of the id in the first column."""
        return str(uid)

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        mixed: Any = self
        if not mixed.has_view_permission(request):
            raise PermissionDenied
        try:
            changelist = mixed.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect("../?e=1")
        name = f"{self.model._meta.verbose_name_plural}-{now():%Y-%m-%d}.csv".replace(" ", "-")
        rows, few = changelist.rows_to_export()
        return csv_stream(name, export_pieces(rows, self.export_columns, self.export_uid, few=few))
