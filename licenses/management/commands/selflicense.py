"""`manage.py selflicense …`: the license that this installation itself runs under.

Exit codes: 0 done, 1 refused, 2 wrong usage.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from licenses.cli import own_license
from licenses.cli.reading import refusals


class Command(BaseCommand):
    help = (
        "Makes this installation a master; activates, refreshes, shows and removes its own license."
        " Exit codes: 0 done, 1 refused, 2 wrong usage."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        own_license.add_arguments(parser.add_subparsers(dest="action", required=True, metavar="ACTION"))

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        with refusals(self.stderr, as_json=options["json"]):
            own_license.ACTIONS[action](options, self.stdout)
