"""`manage.py stripe …`: what the office and Stripe tell each other beside the webhook (E33).

Exit codes: 0 done, 1 refused, 2 wrong usage.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from billing.cli import stripe_actions
from licenses.cli.reading import refusals


class Command(BaseCommand):
    help = (
        "Tells Stripe of the catalogue, sets up its webhook, takes up events that never arrived."
        " Exit codes: 0 done, 1 refused, 2 wrong usage."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        stripe_actions.add_arguments(parser.add_subparsers(dest="action", required=True, metavar="ACTION"))

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        with refusals(self.stderr, as_json=options["json"]):
            stripe_actions.ACTIONS[action](options, self.stdout)
