"""`manage.py bootstrap`: everything that a first start needs."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.bootstrap import Outcome, bootstrap
from config.kit.clock import now
from config.kit.errors import Refusal

DEMO_ADMIN = "admin@signet.localhost"


class Command(BaseCommand):
    help = "Migrate, make signing keys, load the demo into an empty database, make the first superadmin."
    # Some checks ask the database, which may not be there yet.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--demo",
            action=argparse.BooleanOptionalAction,
            default=None,
            help="load a small catalogue and demo customers; the default outside production",
        )
        parser.add_argument(
            "--admin",
            metavar="EMAIL",
            default="" if settings.PRODUCTION else DEMO_ADMIN,
            help="address of the first superadmin (default outside production: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["demo"] and settings.PRODUCTION:
            raise CommandError("Demo data has no place in production.")
        demo = not settings.PRODUCTION if options["demo"] is None else options["demo"]
        before = logging.root.manager.disable
        logging.disable(logging.INFO)  # a person reads this: what the log tells of it would be in between
        try:
            outcome = bootstrap(at=now(), demo=demo, admin_email=options["admin"], say=self.stdout.write)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal
        finally:
            logging.disable(before)
        self.stdout.write(self.closing(outcome))

    def closing(self, outcome: Outcome) -> str:
        """The last lines: where to go and how to get in."""
        lines = ["", f"  Address   {settings.BASE_URL}/admin/"]
        if not outcome.email:
            lines.append("  Nobody can log in yet: run `manage.py bootstrap --admin you@example.com`.")
        elif outcome.password:
            lines += [
                f"  Log in as {outcome.email}",
                f"  Password  {outcome.password}    (shown this once; change it after the first login)",
            ]
        else:
            lines += [
                f"  Log in as {outcome.email}",
                f"  Password  as set before; `manage.py changepassword {outcome.email}` sets another",
            ]
        return "\n".join([*lines, ""])
