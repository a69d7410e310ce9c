"""`manage.py serve`: the web server alone, as `manage.py up` starts it (E33)."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.management.commands.up import web
from config.supervisor import PortTaken, check_port


class Command(BaseCommand):
    help = "Run the web server alone until Ctrl-C; worker and beat run elsewhere."
    requires_system_checks = []  # the web server checks for itself

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.BIND, help="address to listen on (%(default)s)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="port to listen on (%(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Become the web server, so that signals reach it without anybody between."""
        host, port = options["host"], options["port"]
        try:
            check_port(host, port)
        except PortTaken as refusal:
            raise CommandError(str(refusal)) from refusal
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = web(host, port).command
        moved = {} if port == settings.PORT else {"SIGNET_PORT": str(port)}
        os.chdir(settings.BASE_DIR)
        os.execve(command[0], [*command], {**os.environ, **moved})  # noqa: S606 - our own command
