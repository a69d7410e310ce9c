"""`manage.py release …`: what the update server offers.

Exit codes: 0 done, 1 refused, 2 wrong usage.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from licenses.cli import releases
from licenses.cli.reading import refusals


class Command(BaseCommand):
    help = "Publishes, lists and withdraws releases. Exit codes: 0 done, 1 refused, 2 wrong usage."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        releases.add_arguments(parser.add_subparsers(dest="action", required=True, metavar="ACTION"))

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        with refusals(self.stderr, as_json=options["json"]):
            releases.ACTIONS[action](options, self.stdout)
