"""The receivers of docs/webhooks.md, run as they stand there, against the real sender."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config.kit.clock import now
from notifications.domain.standard_webhooks import headers, secret_text
from notifications.webhook_sender import post

pytestmark = pytest.mark.enable_socket

EXAMPLES = Path(__file__).parents[3] / "docs/examples"
OLD, NEW, OTHER = (secret_text(bytes([number]) * 32) for number in (1, 2, 3))
BODY = '{"type":"license.issued","data":{"account":"Ä"}}'.encode()


@pytest.fixture(params=["python", pytest.param("node", marks=pytest.mark.services)])
def receiver(request):
    """The example as a process of its own; `secret` is what it verifies with."""
    name, program = ("py", sys.executable) if request.param == "python" else ("mjs", shutil.which("node"))
    assert program, "node is missing"
    words = [program, str(EXAMPLES / f"receive-webhook.{name}"), "0"]
    process = subprocess.Popen(words, env={"WEBHOOK_SECRET": NEW}, stdout=subprocess.PIPE, text=True)
    process.url = f"http://127.0.0.1:{process.stdout.readline().split()[-1]}/"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def send(receiver, *secrets, body=BODY, signed=BODY, message_id="1", age=0):
    timestamp = int(now().timestamp()) - age
    sent = headers(secrets, message_id=message_id, timestamp=timestamp, body=signed)
    return post(receiver.url, sent, body, insecure=True).status


def test_what_is_signed_with_its_secret_is_taken(receiver):
    """C31: a receiver that is not ours, from the documentation."""
    assert send(receiver, NEW) == 204
    assert receiver.stdout.readline() == "license.issued\n"


def test_while_two_secrets_overlap_either_fits(receiver):
    """C31: rotation"""
    assert send(receiver, OTHER, NEW) == 204
    assert send(receiver, NEW, OLD, message_id="2") == 204


@pytest.mark.parametrize(
    "fault",
    [{"body": BODY + b" "}, {"age": 600}, {"age": -600}],
    ids=["changed body", "too old", "from the future"],
)
def test_what_does_not_verify_is_refused(receiver, fault):
    """C31: 400 for a changed body, and for a recording."""
    assert send(receiver, NEW, **fault) == 400


def test_another_s_signature_is_refused(receiver):
    """C31"""
    assert send(receiver, OTHER) == 400
    assert post(receiver.url, {}, BODY, insecure=True).status == 400


def test_the_same_delivery_is_taken_once(receiver):
    """C31: the id tells a repetition."""
    assert [send(receiver, NEW), send(receiver, NEW)] == [204, 204]
    assert send(receiver, NEW, message_id="2") == 204
    receiver.kill()
    assert receiver.stdout.read() == "license.issued\n" * 2
