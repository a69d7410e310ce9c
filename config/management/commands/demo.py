"""`manage.py demo seed`: fill a database with made-up licenses, to try out what years of work look like."""

from __future__ import annotations

import argparse
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.demo import demo_seed
from config.kit.clock import now
from config.kit.errors import Refusal

WIDTH = 30


class Command(BaseCommand):
    help = (
        "Fills the database with made-up accounts, licenses and installations. Their licenses have the origin"
        " demo, no issuance and no event in the history: to copy a key, issue one first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        seed = actions.add_parser("seed", help="add licenses; a second run adds more")
        seed.add_argument("--licenses", type=_count, default=1000, metavar="N", help="default: %(default)s")
        seed.add_argument(
            "--accounts",
            type=_count,
            metavar="N",
            help="default: one for every ten licenses, 100,000 at most",
        )
        seed.add_argument("--seed", type=int, default=1, help="the same number draws the same rows")
        seed.add_argument("--yes", action="store_true", help="in production, too")

    def handle(self, *_: Any, licenses: int, accounts: int | None, seed: int, yes: bool, **__: Any) -> None:
        if settings.PRODUCTION and not yes:
            raise CommandError(
                "This is a production system: made-up licenses stay in it. Pass --yes to add them."
            )
        bar = _Bar(licenses, self)
        try:
            made = demo_seed(licenses=licenses, accounts=accounts, at=now(), seed=seed, progress=bar.show)
        except Refusal as refusal:  # the demo's products may be more than our own license covers
            raise CommandError(refusal.detail) from refusal
        bar.end()
        self.stdout.write(
            f"Made {made.accounts:,} accounts, {made.licenses:,} licenses and {made.installations:,} installations"
            f" in {bar.seconds:.0f} s.\n"
            "The licenses have the origin demo, no issuance and no history: issue a key to copy one."
        )


class _Bar:
    """One line that fills up on a terminal; elsewhere a line for every tenth."""

    def __init__(self, total: int, command: BaseCommand) -> None:
        self.total, self.out, self.started, self.said = total, command.stdout, time.monotonic(), 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def show(self, done: int) -> None:
        tenth = done * 10 // self.total
        rate = done / max(self.seconds, 0.001)
        if self.out.isatty():
            filled = "#" * (done * WIDTH // self.total)
            left = (self.total - done) / rate
            self.out.write(
                f"\r[{filled:<{WIDTH}}] {done:,} of {self.total:,}, {rate:,.0f}/s, {left:.0f} s left ",
                ending="",
            )
            self.out.flush()
        elif tenth > self.said:
            self.said = tenth
            self.out.write(f"{done:,} of {self.total:,} licenses, {rate:,.0f}/s")

    def end(self) -> None:
        if self.out.isatty():
            self.out.write("")


def _count(text: str) -> int:
    number = int(text.replace("_", "").replace(",", ""))
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number
