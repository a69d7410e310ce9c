"""CSV that a spreadsheet opens without running it, written row by row in constant memory."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from django.http import StreamingHttpResponse

# What makes a spreadsheet take a cell for a formula (OWASP: CSV Injection).
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_CHUNK = 500


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def safe_cell(value: Any) -> Any:
    """A value as it may stand in a cell: text that would be a formula is led by an apostrophe.

    Numbers stay numbers, instants are ISO 8601 in UTC, None is empty.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, int | float):
        return value
    text = str(value)
    return f"'{text}" if text.startswith(FORMULAS) else text


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The file as text, some hundred rows a piece."""
    writer = csv.writer(_Echo())
    piece = [writer.writerow(header)]
    for row in rows:
        piece.append(writer.writerow([safe_cell(value) for value in row]))
        if len(piece) >= _CHUNK:
            yield "".join(piece)
            piece = []
    yield "".join(piece)


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """A download that streams; `name` is the file's name without path, of our own making."""
    return csv_stream(name, csv_lines(header, rows))


def csv_stream(name: str, pieces: Iterable[str | bytes]) -> StreamingHttpResponse:
    """The same of text that is CSV already."""
    answer = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Cache-Control"] = "no-store"
    return answer
