"""`manage.py digest …`: make the expiry digest of a day by hand, look at one, list them.

Exit codes: 0 done, also when there was nothing to do; 1 refused; 2 wrong usage.
"""

from __future__ import annotations

import argparse
from datetime import date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.kit.actors import command_line
from config.kit.clock import now
from config.kit.errors import Refusal
from notifications.models import DigestRun, ExpiryDigest
from notifications.selectors import digests as selectors
from notifications.services.digest_runs import Made, Preview, digest_preview, digest_run, today


class Command(BaseCommand):
    help = (
        "Makes the expiry digest of a day once, whatever its hour, and lists the digests."
        " Exit codes: 0 done, 1 refused, 2 wrong usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        run = actions.add_parser(
            "run", help="make the digests of a day that were not made yet, and mail them"
        )
        run.add_argument(
            "--on", type=_day, metavar="YYYY-MM-DD", help="a day in the digest's zone; default: today"
        )
        run.add_argument("--digest", metavar="NAME", help="only this one; default: every one that is on")
        run.add_argument("--dry-run", action="store_true", help="print the mail and send nothing")
        actions.add_parser("list", help="print the digests and when each runs next")

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        run = {"run": self.run, "list": self.list}[action]
        run(options)

    def run(self, options: dict[str, Any]) -> None:
        """Each digest by itself: one that is refused keeps none of the others."""
        at, refused, digests = now(), 0, _digests(options["digest"])
        if not digests:
            self.stdout.write("No digest is switched on.")
        for digest in digests:
            try:
                self.stdout.write(self._made(digest, at, options))
            except Refusal as refusal:
                refused += 1
                self.stderr.write(f"{digest.name}: {refusal.detail}")
        if refused:
            raise SystemExit(1)

    def list(self, _: dict[str, Any]) -> None:
        at = now()
        for digest in selectors.digests().order_by("name"):
            following = selectors.next_run_at(digest, at)
            when = f"next {following:%Y-%m-%d %H:%M} UTC" if following else "off"
            whom = ", ".join(digest.recipients) or "nobody receives this yet"
            hour = f"{digest.hour:02d}:00 {digest.zone}, {digest.days_ahead} days ahead"
            self.stdout.write(f"{digest.name}: {hour}; {when}; {whom}")

    def _made(self, digest: ExpiryDigest, at: datetime, options: dict[str, Any]) -> str:
        day = options["on"] or today(digest, at)
        if options["dry_run"]:
            return _shown(digest_preview(digest=digest, day=day, at=at))
        made = digest_run(digest=digest, day=day, actor=command_line(), at=at)
        return f"{digest.name}, {day}: {_told(made)}"


def _digests(name: str | None) -> list[ExpiryDigest]:
    if name is None:
        return list(ExpiryDigest.objects.filter(enabled=True).order_by("name"))
    digest = ExpiryDigest.objects.filter(name=name).first()
    if digest is None:
        raise CommandError(f"There is no digest {name[:100]!r}.", returncode=2)
    return [digest]


def _told(made: Made) -> str:
    run = made.run
    if not made.new:
        return f"made already, at {run.made_at:%Y-%m-%d %H:%M} UTC; nothing is sent again"
    what = f"{run.expired_today} by the end of the day, {run.expiring} later"
    return {
        DigestRun.State.SENT: f"{what}; mailed to {run.recipients}",
        DigestRun.State.EMPTY: "nothing to list; no mail",
        DigestRun.State.NO_RECIPIENT: f"{what}; nobody receives this yet",
    }[DigestRun.State(run.state)]


def _shown(preview: Preview) -> str:
    return f"Subject: {preview.rendered.subject}\n\n{preview.rendered.text}"


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("not a day as in 2026-03-02") from error
