"""`manage.py keys …`: the life of the signing keys.

Exit codes: 0 done, 1 refused, 2 wrong usage.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from licenses.cli import signing_keys
from licenses.cli.reading import refusals


class Command(BaseCommand):
    help = (
        "Generates, imports, rotates, retires and revokes signing keys."
        " Exit codes: 0 done, 1 refused, 2 wrong usage."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        signing_keys.add_arguments(parser.add_subparsers(dest="action", required=True, metavar="ACTION"))

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        with refusals(self.stderr, as_json=options["json"]):
            signing_keys.ACTIONS[action](options, self.stdout)
