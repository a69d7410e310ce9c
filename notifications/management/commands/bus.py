"""`manage.py bus ensure-stream|list|resend`: the event bus of purchases (E20).

Exit codes: 0 done, 1 refused or not reachable, 2 wrong usage.
"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.kit import actors, clock
from config.kit.errors import Refusal
from notifications.bus_publisher import BusUnreachable, Stream, bus
from notifications.models import BusMessage
from notifications.selectors.bus import message_get, messages
from notifications.services.bus import message_resend, messages_resend_dead

MOST = 1000


class Command(BaseCommand):
    help = "The event bus: makes its stream, lists what goes there, publishes again. Exit codes: 0, 1 refused, 2 usage."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        ensure = verbs.add_parser("ensure-stream", help="make the stream, or change it to what is needed")
        ensure.add_argument("--replicas", type=int, default=1, help="copies of the stream in a cluster")
        ensure.add_argument(
            "--window",
            type=float,
            default=120.0,
            metavar="SECONDS",
            help="the server's memory of message ids",
        )
        ensure.add_argument("--dry-run", action="store_true", help="say what would be done")
        listing = verbs.add_parser("list", help="messages, the newest first")
        listing.add_argument("--state", choices=BusMessage.State.values)
        listing.add_argument("--limit", type=int, default=50)
        again = verbs.add_parser("resend", help="publish a message again, or all that were given up")
        again.add_argument("id", nargs="?", help="the message's id, which is the jti")
        again.add_argument("--dead", action="store_true", help="all that were given up")
        for verb in (ensure, listing, again):
            verb.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        verb = {"ensure-stream": self._ensure, "list": self._list, "resend": self._resend}[options["verb"]]
        try:
            verb(options)
        except (Refusal, BusUnreachable) as error:
            raise CommandError(getattr(error, "detail", "") or str(error)) from error
        finally:
            bus.close()

    def _ensure(self, options: dict[str, Any]) -> None:
        if not settings.NATS_URL:
            raise CommandError("SIGNET_NATS_URL is not set.")
        wanted = Stream(
            settings.NATS_STREAM, (f"{settings.NATS_SUBJECT}.>",), options["window"], options["replicas"]
        )
        apply = not options["dry_run"]
        missing, differences = bus.stream_ensure(settings.NATS_URL, wanted, apply=apply)
        state = "missing" if missing else "different" if differences else "unchanged"
        done = {"missing": "created", "different": "updated"}.get(state, state) if apply else state
        if options["json"]:
            changes = [
                {"member": found.member, "found": found.found, "wanted": found.wanted}
                for found in differences
            ]
            answer = {"stream": wanted.name, "subjects": wanted.subjects, "result": done, "changes": changes}
            self.stdout.write(json.dumps(answer))
            return
        self.stdout.write(f"{wanted.name} ({', '.join(wanted.subjects)}): {done}")
        for found in differences:
            self.stdout.write(f"  {found.member}: {found.found} -> {found.wanted}")

    def _list(self, options: dict[str, Any]) -> None:
        rows = messages()
        if options["state"]:
            rows = rows.filter(state=options["state"])
        for row in rows[: max(1, min(options["limit"], MOST))]:
            facts = {
                "id": row.message_id,
                "state": row.state,
                "license": row.issuance.license.public_id,
                "attempts": row.attempts,
                "created_at": row.created_at.isoformat(),
                "sent_at": row.sent_at.isoformat() if row.sent_at else None,
                "sequence": row.sequence,
                "error": row.last_error,
            }
            if options["json"]:
                self.stdout.write(json.dumps(facts))
            else:
                said = f"  {row.last_error}" if row.last_error and row.state != row.State.SENT else ""
                self.stdout.write(f"{row.message_id}  {row.state:<7}  {facts['license']}{said}")

    def _resend(self, options: dict[str, Any]) -> None:
        if bool(options["id"]) == options["dead"]:
            raise CommandError("Name a message, or give --dead.", returncode=2)
        actor, at = actors.command_line(), clock.now()
        if options["dead"]:
            count = messages_resend_dead(actor=actor, at=at)
        else:
            message_resend(message=message_get(options["id"]), actor=actor, at=at)
            count = 1
        if options["json"]:
            self.stdout.write(json.dumps({"resent": count}))
        else:
            self.stdout.write(f"{count} on the way again.")
