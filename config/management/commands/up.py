"""`manage.py up`: web server, worker and beat in one terminal."""

from __future__ import annotations

import argparse
import fcntl
import shlex
import sys
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.supervisor import Part, PortTaken, Supervisor, check_port


def web(host: str, port: int) -> Part:
    """The web server. Its backpressure stays at the default: it counts idle connections too."""
    return Part(
        "web",
        (
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"),
            *("--host", host, "--port", str(port)),
            *("--workers", str(settings.WEB_WORKERS), "--blocking-threads", str(settings.WEB_THREADS)),
            # Without it a stop during the start would wait for ever.
            *("--workers-kill-timeout", "10"),
            *("--log-level", "warning", "--no-access-log"),
            "config.wsgi:application",
        ),
    )


def worker() -> Part:
    """The Celery worker; one alone has nobody to gossip with."""
    return Part(
        "worker",
        (
            *(sys.executable, "-m", "celery", "--quiet", "-A", "config", "worker"),
            *("--pool", "prefork", "--concurrency", str(settings.WORKER_PROCESSES)),
            *("--without-gossip", "--without-mingle"),
        ),
    )


def beat() -> Part:
    """Celery beat; there must never be two."""
    schedule = settings.DATA_DIR / "beat-schedule"
    return Part(
        "beat",
        (
            *(sys.executable, "-m", "celery", "--quiet", "-A", "config", "beat"),
            *("--schedule", str(schedule), "--pidfile="),
        ),
    )


def beside(text: str) -> Part:
    """A part of another's making, from `NAME=COMMAND`. Raises argparse's error."""
    name, _, command = text.partition("=")
    try:
        words = shlex.split(command)
    except ValueError:  # a quotation that does not end
        words = []
    if not name.isidentifier() or not words:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=COMMAND")
    return Part(name, words)


def claim_folder(folder: Path) -> IO[str]:
    """Hold a data folder for one `up`: two of them would mean two beats. Raises CommandError."""
    held = (folder / "up.lock").open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise CommandError(
            f"Signet runs on {folder} already. End it first, or choose another folder with SIGNET_DATA."
        ) from error
    return held


class Command(BaseCommand):
    help = "Run the web server, a Celery worker and Celery beat together until Ctrl-C."
    # The web server and the worker check for themselves; the supervisor holds no part of the product.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.BIND, help="address to listen on (%(default)s)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="port to listen on (%(default)s)")
        parser.add_argument("--no-worker", action="store_true", help="run no Celery worker here")
        parser.add_argument("--no-beat", action="store_true", help="run no Celery beat here")
        parser.add_argument(
            "--beside",
            action="append",
            type=beside,
            default=[],
            metavar="NAME=COMMAND",
            help="run this program beside them, too; may be given more than once",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        try:
            check_port(host, port)
        except PortTaken as refusal:
            raise CommandError(str(refusal)) from refusal
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = claim_folder(settings.DATA_DIR)  # until this process ends
        parts = [web(host, port)]
        parts += [] if options["no_worker"] else [worker()]
        parts += [] if options["no_beat"] else [beat()]
        parts += options["beside"]
        moved = {} if port == settings.PORT else {"SIGNET_PORT": str(port)}
        shown = f"[{host}]" if ":" in host else host
        supervisor = Supervisor(
            parts,
            folder=settings.BASE_DIR,
            environment=moved,
            address=(host, port),
            ready=f"Ready on http://{shown}:{port}/ - Ctrl-C stops it.",
        )
        status = supervisor.run()
        held.close()
        if status:
            sys.exit(status)
