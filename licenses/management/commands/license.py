"""`manage.py license …`: issue, renew, suspend, reinstate, revoke, show, verify and import licenses.

Exit codes: 0 done (or the license holds), 1 refused (or it does not hold), 2 wrong usage.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from licenses.cli import importing, licensing, verifying
from licenses.cli.reading import refusals


class Command(BaseCommand):
    help = (
        "Issues, renews, suspends, reinstates, revokes, shows, verifies and imports licenses."
        " Exit codes: 0 done, or the license holds; 1 refused, or it does not hold; 2 wrong usage."
    )
    # `verify --jwks` runs where there is neither a database nor anything else of the installation.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        licensing.add_arguments(actions)
        verifying.add_arguments(
            actions.add_parser("verify", help="judge a license; one JSON line, exit code 0 or 1")
        )

        importing.add_arguments(actions.add_parser("import", help="bring in licenses of an older tool"))

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        if action == "verify":
            verifying.run(options, self.stdout)
            return
        with refusals(self.stderr, as_json=options["json"]):
            if action == "import":
                importing.run(options, self.stdout, self.stderr)
                return
            licensing.ACTIONS[action](options, self.stdout)
