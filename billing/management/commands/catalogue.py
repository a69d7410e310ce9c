"""`manage.py catalogue load [FILE]`: bring the catalogue to what a YAML file says (E4).

Exit codes: 0 done, 1 refused, 2 wrong usage.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.services.catalogue_file import Change, catalogue_load
from config.kit import actors
from config.kit.clock import now
from config.kit.errors import Refusal


class Command(BaseCommand):
    help = (
        "Loads products, coupons and merchant profiles from a YAML file, all or nothing. What an earlier file kept"
        " and this one does not name is switched off. Exit codes: 0 done, 1 refused, 2 wrong usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        load = actions.add_parser("load", help="load a file")
        load.add_argument("file", nargs="?", type=Path, help="default: the configuration file (--config)")
        load.add_argument("--dry-run", action="store_true", help="only say what would change")

    def handle(self, *_: Any, file: Path | None, dry_run: bool, **__: Any) -> None:
        document = _read(file)
        try:
            changes = catalogue_load(
                document=document, dry_run=dry_run, actor=actors.command_line(), at=now()
            )
        except Refusal as refusal:
            raise CommandError(_refused(refusal), returncode=1) from refusal
        for line in _diff(changes):
            self.stdout.write(line)
        number = sum(change.changes for change in changes)
        count = f"{number} change{'' if number == 1 else 's'}"
        self.stdout.write(f"{count} would be made; nothing was written." if dry_run else f"{count} made.")


def _read(file: Path | None) -> Mapping[str, Any]:
    path = file or (Path(named) if (named := os.environ.get("SIGNET_CONFIG")) else None)
    if path is None:
        raise CommandError("Name a file, or pass --config.", returncode=2)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CommandError(f"{path} cannot be read: {error}", returncode=2) from error
    if not isinstance(document, Mapping):
        raise CommandError(f"{path} must hold a mapping.", returncode=2)
    return document


def _diff(changes: Iterable[Change]) -> Iterable[str]:
    for change in changes:
        yield f"{change.sign} {change.what}"
        for name, (old, new) in change.fields.items():
            yield f"    {name}: {old!r} -> {new!r}"


def _refused(refusal: Refusal) -> str:
    errors = refusal.members.get("errors")
    return "\n".join(error["detail"] for error in errors) if errors else refusal.detail
