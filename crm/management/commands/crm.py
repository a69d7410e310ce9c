"""`manage.py crm …`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.kit import clock
from crm.models import Person, Task
from crm.services.replaying import history_replay


class Command(BaseCommand):
    help = "The CRM: `crm replay` reads history again from its first event."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("replay", help="Read history from position 0; what is known already stays.")

    def handle(self, *_args: Any, action: str, **_options: Any) -> None:
        passed = history_replay(
            at=clock.now(), tell=lambda position: self.stdout.write(f"{position:,} positions …")
        )
        self.stdout.write(
            f"Read {passed:,} positions: {Person.objects.count():,} people, {Task.objects.count():,} tasks."
        )
