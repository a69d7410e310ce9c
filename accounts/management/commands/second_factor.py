"""`manage.py second_factor`: who has one, and taking it from somebody who is locked out."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from accounts.services.second_factor import factor_remove
from config.kit import actors
from config.kit.clock import now
from config.kit.errors import Refusal


class Command(BaseCommand):
    help = "List who has a second factor, or take it from somebody who lost device and recovery codes."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="say who of the staff has a second factor")
        remove = verbs.add_parser("remove", help="take it away; the password alone signs in until a new one")
        remove.add_argument("email", help="the address of the member of staff")

    def handle(self, *_args: Any, verb: str, **options: Any) -> None:
        if verb == "list":
            self._list()
        else:
            self._remove(options["email"])

    def _list(self) -> None:
        users = User.objects.filter(is_active=True).select_related("second_factor").order_by("email")
        for user in users:
            factor = getattr(user, "second_factor", None)
            since = f"since {factor.created_at:%Y-%m-%d}" if factor else "none"
            self.stdout.write(f"{user.email}: {since}")

    def _remove(self, email: str) -> None:
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            raise CommandError(f"There is no user {email}.")
        try:
            factor_remove(user=user, actor=actors.command_line(), at=now())
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal
        self.stdout.write(f"The second factor of {user.email} is removed.")
