"""`manage.py drip run`: trial mail that is due, now or as it would be at another instant."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.dateparse import parse_datetime

from config.kit import clock
from notifications.services.drips import drip_run


class Command(BaseCommand):
    help = "Trial mail: run sends what is due."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="run")
        run = verbs.add_parser("run", help="send what is due and skip what is overtaken; safe to repeat")
        run.add_argument("--at", metavar="INSTANT", help="RFC 3339 with offset; default: now")

    def handle(self, *args: Any, **options: Any) -> None:
        at = clock.now()
        if options["at"]:
            parsed = parse_datetime(options["at"])
            if parsed is None or parsed.tzinfo is None:
                raise SystemExit("--at: an instant with its offset, as 2026-03-02T09:30:00Z")
            at = parsed
        done = drip_run(at=at)
        self.stdout.write(f"{done.sent} sent, {done.skipped} skipped, {done.failed} failed")
