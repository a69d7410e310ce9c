"""Reading CSV as spreadsheets and people write it: its lines, or one sentence that says what is wrong and where.

The counterpart of `config.kit.csv`. UTF-8 with and without a byte order mark; comma, semicolon or tab; any
line ends. Nothing is guessed: another encoding, an unknown column or a broken quote is an answer, never a row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from config.kit.errors import FieldError, Invalid

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_MARKS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"PK\x03\x04": "an Excel or zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
}
_HINT = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)  # written by Excel, for Excel
_LINE_END = re.compile(r"\r\n|\r|\n")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FORMULA = re.compile(r"'[=+\-@\t\r]")


class BadTable(Invalid):
    """The file cannot be read as a table; nothing of it was taken."""

    code = "bad_table"
    title = "The file cannot be read as a table."

    def __init__(self, code: str, detail: str) -> None:
        super().__init__([FieldError("file", code, detail)])


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that a table may have; `aliases` are other names for them, as people write them.

    What stands in `ignored` columns is left out: our own reports of errors have such, and come back mended.
    """

    known: Collection[str]
    required: Collection[str] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    ignored: Collection[str] = ("line", "error")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is taken: rows of a file and characters of a cell."""

    rows: int = 100_000
    cell: int = 4_000


# The codes of what is wrong with a row as such, whatever its cells mean.
UNREADABLE = frozenset({"too_many_cells", "too_long", "control_character"})


@dataclass(frozen=True, slots=True)
class Line:
    """One row: the line of the file on which it begins, its cells that are not empty, and what is wrong with it."""

    number: int
    cells: dict[str, str]
    problem: FieldError | None = None


def decoded(data: bytes) -> str:
    """The text of a file. Raises BadTable for anything that is not UTF-8."""
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            raise BadTable("bad_encoding", f"This is {name}. Save it as “CSV UTF-8” and try again.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        detail = f"Line {line} is not UTF-8 (byte 0x{data[error.start]:02X}). Save it as “CSV UTF-8” and try again."
        raise BadTable("bad_encoding", detail) from error


def has_header(text: str, columns: Columns) -> bool:
    """Whether the first line names a column that must be there, or else any known one."""
    names = {_column(name, columns) for name in _first(text)[1]}
    return bool(names & set(columns.required or columns.known))


def table_lines(text: str, columns: Columns, bounds: Bounds = Bounds()) -> Iterator[Line]:
    """The rows of a table with a header line, without the empty ones.

    Raises BadTable for a header that does not fit, a broken quote and more rows than the bounds allow. What
    is wrong with one row stands in it.
    """
    text = text.removeprefix("\ufeff")
    delimiter, header, skip = _first(text)
    names = _header(header, columns)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins, count = 1, 0
    for cells in _readable(reader):
        number, begins = begins, reader.line_num + 1
        if number <= skip or not any(cell.strip() for cell in cells):
            continue
        count += 1
        if count > bounds.rows:
            raise BadTable("too_many_rows", f"More than {bounds.rows:,} rows. Split the file.")
        yield _line(number, cells, names, columns, bounds)


def _readable(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        number = reader.line_num  # type: ignore[attr-defined] # of csv's own reader
        raise BadTable(
            "malformed", f"Line {number}: the quotes do not pair up, or a cell is too long."
        ) from error


def _first(text: str) -> tuple[str, list[str], int]:
    """Delimiter and cells of the header, and the number of its line."""
    text = text.removeprefix("\ufeff")
    hint = _HINT.match(text)
    rest = text[hint.end() :] if hint else text
    line = _LINE_END.split(rest, maxsplit=1)[0]
    counted = {delimiter: line.count(delimiter) for delimiter in DELIMITERS}
    delimiter = hint.group(1) if hint else max(counted, key=lambda mark: counted[mark])
    if delimiter not in DELIMITERS:
        raise BadTable("bad_delimiter", "Separate the columns by comma, semicolon or tab.")
    return delimiter, [cell.strip().strip('"') for cell in line.split(delimiter)], 2 if hint else 1


def _header(cells: list[str], columns: Columns) -> list[str]:
    names = [_column(cell, columns) for cell in cells]
    while names and not names[-1]:
        names.pop()  # a spreadsheet leaves empty columns at the end
    readable = {*columns.known, *columns.ignored}
    unknown = [cell for cell, name in zip(cells, names, strict=False) if name not in readable]
    if not set(names) & set(columns.known):
        raise BadTable("no_header", f"The first line must name the columns: {', '.join(columns.known)}.")
    if unknown:
        shown = ", ".join(f"“{name[:40]}”" for name in unknown[:5])
        raise BadTable("unknown_column", f"There is no column {shown}. Known are {', '.join(columns.known)}.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadTable("column_twice", f"The column {', '.join(twice)} stands there twice.")
    missing = [name for name in columns.required if name not in names]
    if missing:
        raise BadTable("column_missing", f"The column {', '.join(missing)} is missing.")
    return names


def _column(cell: str, columns: Columns) -> str:
    name = "_".join(re.findall(r"[^\W_]+", cell.lower()))
    return columns.aliases.get(name, name)


def _line(number: int, cells: list[str], names: list[str], columns: Columns, bounds: Bounds) -> Line:
    given = {name: _cell(text) for name, text in zip(names, cells, strict=False) if name in columns.known}
    filled = {name: text for name, text in given.items() if text}
    extra = [text for text in cells[len(names) :] if text.strip()]
    if extra:
        detail = f"{len(cells)} cells, but the header has {len(names)}. Is there a delimiter inside a cell?"
        return Line(number, _short(filled, bounds), FieldError("", "too_many_cells", detail))
    for name, text in filled.items():
        if len(text) > bounds.cell:
            return Line(
                number,
                _short(filled, bounds),
                FieldError(name, "too_long", f"{bounds.cell:,} characters at most."),
            )
        if _CONTROL.search(text):
            return Line(
                number,
                _short(filled, bounds),
                FieldError(name, "control_character", "Holds a control character."),
            )
    return Line(number, filled)


def _short(cells: dict[str, str], bounds: Bounds) -> dict[str, str]:
    """What can be kept of a row that is refused."""
    return {
        name: _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text[: bounds.cell]) for name, text in cells.items()
    }


def _cell(text: str) -> str:
    """A cell without the space around it, and without the apostrophe that our own exports put before a formula."""
    text = text.strip()
    return text[1:] if _FORMULA.match(text) else text
