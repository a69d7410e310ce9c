"""`manage.py doctor`: what is configured, reachable and healthy."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.doctor import Visit, document, examine, table
from config.doctor_parts import PARTS
from config.kit.clock import now


class Command(BaseCommand):
    help = "Say what is configured, reachable and healthy; exit 1 when a part is missing or failing."
    # It looks for itself, and must also run where something is wrong.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object for machines")
        parser.add_argument(
            "--only", action="append", metavar="PART", help="look at this part only; repeatable"
        )
        parser.add_argument("--online", action="store_true", help="ask Stripe too")

    def handle(self, *args: Any, **options: Any) -> None:
        unknown = set(options["only"] or ()) - {name for name, _ in PARTS}
        if unknown:
            raise CommandError(
                f"No such part: {', '.join(sorted(unknown))}. Parts: {', '.join(name for name, _ in PARTS)}.",
                returncode=2,
            )
        parts = [row for row in PARTS if not options["only"] or row[0] in options["only"]]
        visit = Visit(
            at=now(),
            production=settings.PRODUCTION,
            without=settings.WITHOUT,
            online=options["online"],
        )
        reports = list(examine(visit, parts))
        self.stdout.write(json.dumps(document(reports), indent=2) if options["json"] else table(reports))
        if any(report.is_bad for report in reports):
            sys.exit(1)
