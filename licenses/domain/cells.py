"""What stands in the cells of a spreadsheet: whole numbers, days, yes and no, and entitlements.

Each reader takes the text of one cell that is not empty and raises CellError with one sentence that says what
to write instead. A day is ambiguous in most spellings, so exactly one is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from licenses.domain.entitlements import Entitlement, EntitlementError, parse
from licenses.domain.errors import DomainError
from licenses.domain.problems import Problem

_WHOLE: Final = re.compile(r"[0-9]{1,12}")
_INSTANT: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?([Zz]|[+-]\d{2}:\d{2})?)?", re.ASCII
)
_SERIAL: Final = re.compile(r"[0-9]{5}(?:[.,][0-9]+)?")
_OTHER_DAY: Final = re.compile(r"[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}.*")
_SERIAL_EPOCH: Final = datetime(1899, 12, 30, tzinfo=UTC)
_YES: Final = frozenset({"yes", "y", "true", "1", "x"})
_NO: Final = frozenset({"no", "n", "false", "0", "-"})
NO_END: Final = frozenset({"perpetual", "never", "unlimited"})
NO_LIMIT: Final = frozenset({"unlimited", "∞"})


class CellError(DomainError):
    """A cell that cannot be read."""


def whole(text: str) -> int:
    """A whole number in digits, or `unlimited` for 0."""
    if text.lower() in NO_LIMIT:
        return 0
    if _WHOLE.fullmatch(text) is None:
        raise CellError("not_integer", f"“{text[:40]}” is not a whole number. Write it in digits alone.")
    return int(text)


def truth(text: str) -> bool:
    """Yes or no."""
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise CellError("not_boolean", f"“{text[:40]}” is neither yes nor no.")


def instant(text: str) -> datetime:
    """A day as its midnight in UTC, or a day with a time, in UTC unless it says otherwise."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise _no_day(text)
    day, time, zone = found.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{time or '00:00'}{(zone or 'Z').upper()}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise CellError("no_such_day", f"There is no {text[:40]} in the calendar.") from error
    return at


def _no_day(text: str) -> CellError:
    if _SERIAL.fullmatch(text):
        day = _SERIAL_EPOCH + timedelta(days=int(text[:5]))
        return CellError(
            "spreadsheet_day",
            f"{text[:20]} is how a spreadsheet counts days (it means {day:%Y-%m-%d}). "
            "Format the column as text or as a date like 2027-12-31, and save again.",
        )
    if _OTHER_DAY.fullmatch(text):
        return CellError(
            "ambiguous_day", f"{text[:40]} can be read in several ways. Write it like 2027-12-31."
        )
    return CellError("not_a_day", f"“{text[:40]}” is not a date. Write it like 2027-12-31.")


def entitlements(text: str) -> dict[str, Entitlement]:
    """Slugs separated by spaces, each alone or as slug=value: `sso projects=20`."""
    granted: dict[str, Entitlement] = {}
    for word in text.replace(",", " ").replace(";", " ").split():
        slug, given, value = word.partition("=")
        if slug in granted:
            raise CellError("duplicate_slug", f"{slug[:64]} stands there twice.")
        granted[slug] = entitlement_value(value) if given else True
    try:
        return parse(granted)
    except EntitlementError as error:
        raise CellError(
            error.reason, f"{error.slug}: {error.detail}." if error.slug else f"{error.detail}."
        ) from error


def entitlement_value(text: str) -> int | bool | str:
    """A value as people type it: `true`, `false`, a whole number, or a text."""
    if text in {"true", "false"}:
        return text == "true"
    return int(text) if _WHOLE.fullmatch(text) else text


def one_of(names: Mapping[str, Any]) -> Callable[[str], Any]:
    """A reader of one of these names, in any case."""

    def read(text: str) -> Any:
        found = names.get(text.lower())
        if found is None:
            raise CellError("unknown", f"“{text[:40]}” is none of {', '.join(names)}.")
        return found

    return read


def read(
    cells: Mapping[str, str], readers: Mapping[str, Callable[[str], Any]]
) -> tuple[dict[str, Any], list[Problem]]:
    """Read the cells that have a reader: the values by column, and every problem."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, reader in readers.items():
        text = cells.get(name)
        if text is None:
            continue
        try:
            values[name] = reader(text)
        except CellError as error:
            problems.append(Problem(name, error.reason, error.detail))
    return values, problems
