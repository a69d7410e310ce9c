"""What the command lines of the license office read, and how they answer."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import Error as DatabaseError

from config.kit.errors import Refusal

REFUSED, USAGE = 1, 2
MAX_FILE = 1024 * 1024

_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})",
    re.ASCII,
)


def instant(text: str) -> datetime:
    """An RFC 3339 date-time with its offset, in UTC. Raises argparse's error (exit code 2) for anything else."""
    problem = argparse.ArgumentTypeError(f"{text!r} is not an RFC 3339 time such as 2027-01-31T00:00:00Z")
    if _INSTANT.fullmatch(text) is None:
        raise problem
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise problem from error


def whole(text: str) -> int:
    """A whole number in digits, with a sign if need be. What it may be is for the service to say."""
    if re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def truth(text: str) -> bool:
    """`true` or `false`."""
    if text not in {"true", "false"}:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text == "true"


def file_bytes(path: str) -> bytes:
    """A small file. Raises CommandError with exit code 2 when it cannot be read or is larger than 1 MiB."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: cannot be read ({error})", returncode=USAGE) from error
    if len(data) > MAX_FILE:
        raise CommandError(f"{path}: larger than {MAX_FILE} bytes", returncode=USAGE)
    return data


@contextmanager
def refusals(stderr: Any, *, as_json: bool) -> Iterator[None]:
    """Turn a refusal into its code and sentence on stderr and exit code 1, never a traceback."""
    try:
        yield
    except Refusal as refusal:
        _refuse(stderr, refusal.code, refusal.detail, as_json, refusal.members)
    except DatabaseError as error:
        first = (str(error).splitlines() or ["no details"])[0]
        _refuse(stderr, "database_unavailable", f"The database does not answer: {first}", as_json, {})


def _refuse(stderr: Any, code: str, detail: str, as_json: bool, members: dict[str, Any]) -> None:  # noqa: FBT001 - private
    document = {"ok": False, "code": code, "detail": detail, **members}
    line = json.dumps(document, default=str) if as_json else f"{code}: {detail}"
    stderr.write(line)
    raise SystemExit(REFUSED)


def answer(stdout: Any, document: dict[str, Any], lines: list[str], *, as_json: bool) -> None:
    """Print one JSON line, or the lines for people."""
    if as_json:
        stdout.write(json.dumps(document))
        return
    for line in lines:
        stdout.write(line)


def stamp(at: datetime | None) -> str | None:
    """An instant as RFC 3339 in UTC, to the second."""
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
