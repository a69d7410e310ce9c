"""`manage.py license import`: licenses of an older tool, from a CSV file (D1)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from config.kit import actors, clock
from config.kit.csv import csv_lines
from config.kit.tables import decoded, table_lines
from licenses.cli.reading import REFUSED, USAGE, answer
from licenses.domain.rows import LEGACY_COLUMNS
from licenses.services.importing import (
    BOUNDS,
    COLUMNS,
    EXAMPLES,
    Imported,
    ImportRefused,
    RowProblem,
    licenses_import,
)

MAX_BYTES = 64 * 1024 * 1024
SHOWN = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", metavar="FILE", help="CSV in UTF-8; - reads standard input")
    source.add_argument("--template", action="store_true", help="print an example file and do nothing else")
    parser.add_argument("--dry-run", action="store_true", help="judge every row and write nothing")
    parser.add_argument(
        "--create-accounts",
        action="store_true",
        help="open the accounts that account_name names and nobody has",
    )
    parser.add_argument("--errors", metavar="FILE", help="write what is wrong with which row to a CSV file")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(options: dict[str, Any], stdout: Any, stderr: Any) -> None:
    """Import all of a file or nothing of it. Exit code 1 when a row is refused, in a dry run too."""
    if options["template"]:
        stdout.write("".join(csv_lines(LEGACY_COLUMNS, EXAMPLES)), ending="")
        return
    lines = table_lines(decoded(_bytes(options["file"])), COLUMNS, BOUNDS)
    try:
        done = licenses_import(
            lines=lines, create_accounts=options["create_accounts"], dry_run=options["dry_run"],
            actor=actors.command_line(), at=clock.now(),
        )  # fmt: skip
    except ImportRefused as refused:
        done = refused.done
    if options["errors"]:
        _write_errors(options["errors"], done.problems)
    _tell(done, options, stdout, stderr)
    if done.refused:
        sys.exit(REFUSED)


def _tell(done: Imported, options: dict[str, Any], stdout: Any, stderr: Any) -> None:
    document = {
        "ok": not done.refused,
        "dry_run": options["dry_run"],
        **done.summary,
        "errors": [
            {"line": p.line, "column": p.error.field, "code": p.error.code, "detail": p.error.detail}
            for p in done.problems
        ],
    }
    if not options["json"]:
        for problem in done.problems[:SHOWN]:
            where = f", {problem.error.field}" if problem.error.field else ""
            stderr.write(f"line {problem.line}{where}: {problem.error.detail}")
        if len(done.problems) > SHOWN:
            stderr.write(f"and {len(done.problems) - SHOWN} more; --errors FILE writes them all")
    answer(stdout, document, [_sentence(done, dry_run=options["dry_run"])], as_json=options["json"])


def _sentence(done: Imported, *, dry_run: bool) -> str:
    rest = f"{done.known:,} there already, {done.refused:,} with errors, {done.accounts:,} new accounts"
    if dry_run:
        return f"{done.new:,} to import, {rest}. Nothing was written."
    if done.refused:
        return f"Nothing was imported: {done.new:,} could be, {rest}."
    return f"{done.new:,} imported, {rest}."


def _write_errors(path: str, problems: Iterable[RowProblem]) -> None:
    rows = ([p.line, p.error.field, p.error.code, p.error.detail] for p in problems)
    try:
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            file.writelines(csv_lines(("line", "column", "code", "error"), rows))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: cannot be written ({error})", returncode=USAGE) from error


def _bytes(path: str) -> bytes:
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: cannot be read ({error})", returncode=USAGE) from error
    if len(data) > MAX_BYTES:
        raise CommandError(f"{path}: larger than {MAX_BYTES // 1024**2} MiB", returncode=USAGE)
    return data
