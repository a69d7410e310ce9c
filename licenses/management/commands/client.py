"""`manage.py client`: the reference deployment against a running Signet, to watch the whole loop."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.kit import clock
from licenses.domain.client.deployment import Deployment, KeyRefusedError
from licenses.domain.client.server import HeartbeatFailed, Server, fetch_keys, send_beat
from licenses.domain.enums import DeploymentKind


class Command(BaseCommand):
    help = "Runs the reference deployment: status page, guarded write and heartbeat. Ctrl-C ends it."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default=settings.BASE_URL, help="the Signet that it reports to")
        parser.add_argument("--port", type=int, default=8090, help="of the status page on this machine")
        parser.add_argument(
            "--folder", type=Path, default=settings.DATA_DIR / "client", help="keeps key and state"
        )
        parser.add_argument("--key", type=Path, help="file with a license to install first")
        parser.add_argument("--product", default="demo", help="token audience of the product")
        parser.add_argument(
            "--deployment", choices=[kind.value for kind in DeploymentKind], default="enterprise"
        )
        parser.add_argument("--app-version", default="1.0.0", help="version that it reports")
        parser.add_argument("--nodes", type=int, default=1)
        parser.add_argument("--node-cap", type=int)
        parser.add_argument("--seconds", type=float, default=60, help="between two heartbeats")
        parser.add_argument("--once", action="store_true", help="one heartbeat, then end")

    def handle(self, *_: Any, **options: Any) -> None:
        deployment = Deployment(
            folder=options["folder"], issuer=settings.ISSUER, audience=options["product"],
            kind=DeploymentKind(options["deployment"]), version=options["app_version"],
            nodes=options["nodes"], node_cap=options["node_cap"],
        )  # fmt: skip
        url = options["url"].rstrip("/")
        with _told(self):
            fetch_keys(deployment, url)  # before the first key can be checked
        if options["key"]:
            try:
                deployment.replace(options["key"].read_text(encoding="utf-8"), clock.now())
            except (KeyRefusedError, OSError) as error:
                raise CommandError(str(error)) from error
        if options["once"]:
            self._beat(deployment, url)
            return
        server = Server(deployment, clock.now, options["port"])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.stdout.write(f"Status page: http://127.0.0.1:{server.server_port}/license")
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                with server.lock:
                    self._beat(deployment, url)
                time.sleep(options["seconds"])
        server.shutdown()

    def _beat(self, deployment: Deployment, url: str) -> None:
        view = deployment.status(clock.now())
        with _told(self):
            fetch_keys(deployment, url)  # the vendor may have rotated
            told = send_beat(deployment, url)
            heard = "nothing to speak with" if told is None else f"node cap {told['node_cap']['state']}"
            self.stdout.write(f"{view.posture.value}: {view.headline} Heartbeat: {heard}.")
            for message in deployment.messages:
                self.stdout.write(f"  {message['level']}: {message['text']}")


@contextlib.contextmanager
def _told(command: Command) -> Any:
    """What fails on the way to the vendor is told and stops nothing: the key is checked here."""
    try:
        yield
    except HeartbeatFailed as error:
        command.stderr.write(str(error))
