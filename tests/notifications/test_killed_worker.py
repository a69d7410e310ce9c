"""A worker that is killed while it sends: its mail is sent by another, and is one mail."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.notifications.smtp import STALL, Mailbox

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.stress, pytest.mark.enable_socket]
HEAD = """
import django
django.setup()
from datetime import timedelta
from config.kit.clock import now
from notifications.mail_templates.license_delivery import sample
from notifications.models import Message
from notifications.services.messages import message_queue
from notifications.services.sending import message_send
"""
FIRST = (
    HEAD
    + """
from django.core.management import call_command
call_command("migrate", verbosity=0)
row = message_queue(template="license_delivery", to="ada@acme.example", context=sample(), stream="notice",
                    dedupe_key="one", actor="cli:test", at=now())
message_send(pk=row.pk, at=now())
"""
)
SECOND = (
    HEAD
    + """
row = Message.objects.get()
before = (row.state, row.attempts)
early = message_send(pk=row.pk, at=now())
late = message_send(pk=row.pk, at=now() + timedelta(minutes=10))
row.refresh_from_db()
print(before, repr(early), late, row.attempts)
"""
)


@pytest.fixture
def mailbox():
    server = Mailbox()
    server.start()
    yield server
    server.close()


@pytest.fixture
def start(tmp_path, mailbox):
    """Return a starter of worker processes on a database of their own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = {
        **kept,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SIGNET_DATA": str(tmp_path),
        "SIGNET_EMAIL_URL": f"smtp://127.0.0.1:{mailbox.port}",
        "SIGNET_LOG_LEVEL": "ERROR",
    }

    def run(script):
        return subprocess.Popen(
            [sys.executable, "-c", script], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )

    return run


def wait_for(happened, process):
    while not happened():
        assert process.poll() is None, "the worker ended before it could be killed"
        time.sleep(0.05)


def test_a_mail_whose_worker_was_killed_is_sent_by_another_once_its_claim_lapses(start, mailbox):
    """Faults: kill -9 of a worker. Always true 7: none lost; both copies are recognisable as one."""
    mailbox.data = [STALL]
    worker = start(FIRST)
    wait_for(lambda: mailbox.received, worker)
    worker.kill()
    worker.communicate()
    told, _ = start(SECOND).communicate()
    assert told.split("\n")[0] == "('claimed', 1) '' sent 2"
    assert len(mailbox.accepted) == 1
    assert len({mail["Message-ID"] for mail in mailbox.received}) == 1
