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
from licenses.domain.client.server import HeartbeatFailed, Server, fetch_keys, fetch_manifest, send_beat
from licenses.domain.enums import DeploymentKind
from licenses.domain.manifests import Manifest, ManifestError

AGAIN_SECONDS = 60
"""Until the next try where the vendor has not said when to come again."""


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
        parser.add_argument(
            "--seconds", type=float, help="between two heartbeats; without it as the vendor asks"
        )
        parser.add_argument("--once", action="store_true", help="one heartbeat, then end")
        parser.add_argument(
            "--updates",
            action="store_true",
            help="ask what may be installed, verify it here, print it, and end",
        )
        parser.add_argument(
            "--check", type=Path, metavar="FILE", help="with --updates: compare a download with it"
        )

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
        if options["updates"]:
            self._updates(deployment, url, options["check"])
            return
        if options["once"]:
            self._beat(deployment, url)
            return
        server = Server(deployment, clock.now, options["port"])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.stdout.write(f"Status page: http://127.0.0.1:{server.server_port}/license")
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                self._beat(deployment, url, server.lock)
                time.sleep(options["seconds"] or deployment.next_beat_seconds or AGAIN_SECONDS)
        server.shutdown()

    def _updates(self, deployment: Deployment, url: str, download: Path | None) -> None:
        """What may be installed. Without the vendor, what the kept manifest says. Raises CommandError (1)."""
        now = clock.now()
        try:
            with _told(self):
                fetch_manifest(deployment, url, now)
            manifest = deployment.manifest(now)
        except ManifestError as error:
            raise CommandError(str(error)) from error
        if manifest is None:
            raise CommandError("There is no manifest: the vendor has not been reached with a key yet.")
        self._print_updates(manifest, deployment.version)
        if download is not None and not _is_offered(manifest, download):
            raise CommandError(f"{download} is no artifact of the manifest.")

    def _print_updates(self, manifest: Manifest, running: str) -> None:
        for channel, offer in manifest.newest.items():
            word = "update" if manifest.update_for(running, channel) else "current"
            self.stdout.write(f"{channel}: {offer.version} ({word}) {offer.artifact} sha256:{offer.sha256}")
        for withheld in manifest.withheld:
            self.stdout.write(f"withheld: {withheld.version} ({', '.join(withheld.reasons)})")
        for withdrawn in manifest.withdrawn:
            mine = " (it runs here)" if withdrawn.version == running.removeprefix("v") else ""
            self.stdout.write(f"withdrawn: {withdrawn.version}{mine}: {withdrawn.reason}")
        self.stdout.write(f"Good until {manifest.not_after:%Y-%m-%d %H:%M} UTC.")

    def _beat(
        self, deployment: Deployment, url: str, lock: contextlib.AbstractContextManager[Any] | None = None
    ) -> None:
        """One heartbeat. The page goes on answering while the vendor is waited for: the lock is not held then."""
        with lock or contextlib.nullcontext():
            view = deployment.status(clock.now())
        with _told(self):
            fetch_keys(deployment, url)  # the vendor may have rotated
        with _told(self):
            told = send_beat(deployment, url, lock=lock)
            heard = "nothing to speak with" if told is None else f"node cap {told['node_cap']['state']}"
            self.stdout.write(f"{view.posture.value}: {view.headline} Heartbeat: {heard}.")
            for message in deployment.messages:
                self.stdout.write(f"  {message['level']}: {message['text']}")


def _is_offered(manifest: Manifest, download: Path) -> bool:
    try:
        with download.open("rb") as file:
            for offer in manifest.releases:
                file.seek(0)
                if offer.size == download.stat().st_size and offer.matches(file):
                    return True
    except OSError as error:
        raise CommandError(str(error)) from error
    return False


@contextlib.contextmanager
def _told(command: Command) -> Any:
    """What fails on the way to the vendor is told and stops nothing: the key is checked here."""
    try:
        yield
    except HeartbeatFailed as error:
        command.stderr.write(str(error))
