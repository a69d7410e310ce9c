"""The bus for real: a NATS server that is stopped, started and asked what it has (E20)."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from config.kit.clock import now
from notifications.bus_publisher import Bus, BusUnreachable, Outgoing
from notifications.domain.bus import Outcome
from notifications.models import BusMessage
from notifications.services.bus import LEASE, message_resend, messages_claim, messages_dispatch
from tests.notifications.bus.conftest import STREAM, SUBJECT

ROOT = Path(__file__).resolve().parents[3]
pytestmark = [
    pytest.mark.services,
    pytest.mark.enable_socket,
    pytest.mark.django_db,
    pytest.mark.usefixtures("follow_from_now"),
]


def dispatch(bus, at):
    return messages_dispatch(clock=lambda: at, publish=bus.publish)


def stored(url):
    """What the stream has, read by a client of its own: (subject, message id, document) each."""
    import nats

    async def read():
        client = await nats.connect(url)
        jetstream = client.jetstream()
        count = (await jetstream.stream_info(STREAM)).state.last_seq
        found = [await jetstream.get_msg(STREAM, number) for number in range(1, count + 1)]
        await client.close()
        return [(m.subject, (m.headers or {}).get("Nats-Msg-Id"), json.loads(m.data)) for m in found]

    return asyncio.run(read())


def wait_out_the_window(url):
    """Until the server has forgotten the id of a message that is a probe of our own."""
    import nats
    from nats.js.errors import APIError

    async def wait():
        client = await nats.connect(url)
        jetstream = client.jetstream()
        probe = {"Nats-Msg-Id": "probe"}
        await jetstream.publish(f"{SUBJECT}.probe", b"{}", headers=probe)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                again = await jetstream.publish(f"{SUBJECT}.probe", b"{}", headers=probe)
            except APIError:  # no duplicate any more, so the subject's limit answers
                break
            assert again.duplicate
            await asyncio.sleep(0.1)
        else:
            pytest.fail("the window does not end")
        await client.close()

    asyncio.run(wait())


def ids_of(messages):
    return [name for _, name, _ in messages if name != "probe"]


def test_a_purchase_reaches_the_stream_under_its_own_subject(bus, buy, read, at):
    """E20: subject and message id are of the issuance."""
    bought = buy()
    read(at)
    assert dispatch(bus, at) == (1, 1)
    ((subject, name, document),) = stored(bus._url)
    jti = bought.issued.issuance.jti_text
    assert (subject, name, document["license"]["id"]) == (f"{SUBJECT}.{jti}", jti, bought.license.public_id)
    assert BusMessage.objects.get().stream == STREAM


def test_an_outage_longer_than_the_window_publishes_once(bus, nats_server, buy, read, at):
    """E20: confirmed to nobody, the server gone, its memory of ids gone: still one message each."""
    purchases = [buy() for _ in range(3)]
    read(at)
    # a worker publishes and dies before it marks anything as sent
    claims = messages_claim(at=at)
    outgoing = [Outgoing(f"{SUBJECT}.{c.message_id}", c.message_id, c.body) for c in claims]
    assert [a.outcome for a in bus.publish(nats_server.url, outgoing[:2], stream=STREAM)] == [
        Outcome.STORED
    ] * 2
    nats_server.stop()
    at += LEASE
    assert dispatch(bus, at) == (0, 3)
    assert {row.state for row in BusMessage.objects.all()} == {"queued"}

    nats_server.start()
    wait_out_the_window(nats_server.url)
    bus.close()
    at += timedelta(hours=1)
    assert dispatch(bus, at) == (3, 3)
    expected = {bought.issued.issuance.jti_text for bought in purchases}
    found = ids_of(stored(nats_server.url))
    assert len(found) == 3
    assert set(found) == expected
    assert {row.state for row in BusMessage.objects.all()} == {"sent"}


def test_sending_again_after_the_window_changes_nothing(bus, nats_server, buy, read, at):
    buy()
    read(at)
    dispatch(bus, at)
    first = BusMessage.objects.get().sequence
    wait_out_the_window(nats_server.url)
    message_resend(message=BusMessage.objects.get(), actor="cli:test", at=at)
    assert dispatch(bus, at) == (1, 1)
    row = BusMessage.objects.get()
    assert (row.state, row.sequence) == ("sent", first)
    assert len(ids_of(stored(nats_server.url))) == 1


def test_another_message_under_the_subject_is_a_refusal(bus, nats_server):
    """A full subject counts as arrived only when the same message is there."""
    url = nats_server.url
    assert bus.publish(url, [Outgoing(f"{SUBJECT}.x", "one", b"1")], stream=STREAM)[0].arrived
    (answer,) = bus.publish(url, [Outgoing(f"{SUBJECT}.x", "two", b"2")], stream=STREAM)
    assert (answer.outcome, answer.detail) == (Outcome.REFUSED, "Another message stands under its subject.")


def test_without_a_stream_it_is_refused_and_says_what_to_do(nats_server):
    connection = Bus()
    try:
        (answer,) = connection.publish(nats_server.url, [Outgoing("nobody.x", "x", b"1")], stream="NONE")
    finally:
        connection.close()
    assert answer.outcome is Outcome.REFUSED
    assert "ensure-stream" in answer.detail


def test_a_connection_heals_by_itself(bus, nats_server, buy, read, at):
    """The server restarts; nobody restarts us."""
    buy()
    read(at)
    nats_server.stop()
    nats_server.start()
    until = time.monotonic() + 30
    while dispatch(bus, at)[0] == 0:
        assert time.monotonic() < until, "the connection does not come back"
        at += timedelta(minutes=10)
    assert len(stored(nats_server.url)) == 1


def test_a_forked_child_has_a_connection_of_its_own(bus, nats_server):
    """Celery's workers fork: a child must not use its parent's socket or wait for its parent's thread."""
    url = nats_server.url
    assert bus.publish(url, [Outgoing(f"{SUBJECT}.parent", "parent", b"{}")], stream=STREAM)[0].arrived
    code = f"""
import os, signal, sys
from notifications.bus_publisher import Bus, Outgoing
bus = Bus()
def said(name):
    message = Outgoing({SUBJECT!r} + "." + name, name, b"{{}}")
    return bus.publish({url!r}, [message], stream={STREAM!r})[0].arrived
assert said("before")
child = os.fork()
if not child:
    signal.alarm(30)
    os._exit(0 if said("child") else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert said("after")
bus.close()
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        check=False, cwd=ROOT, capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert ids_of(stored(url)) == ["parent", "before", "child", "after"]


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_between_publishing_and_writing_it_down(
    bus, nats_server, buy, read, at, clock, settings
):
    """E20: kill -9 in the worst moment; the next worker finds the claim lapsed and the message there."""
    settings.NATS_URL = ""  # what is committed here would be published at once
    buy()
    read(at)
    settings.NATS_URL = nats_server.url
    row = BusMessage.objects.get()
    code = f"""
import os, signal
from notifications.bus_publisher import Bus, Outgoing
bus = Bus()
assert bus.publish({nats_server.url!r}, [Outgoing({f"{SUBJECT}.{row.message_id}"!r}, {row.message_id!r},
    {row.body!r}.encode())], stream={STREAM!r})[0].arrived
os.kill(os.getpid(), signal.SIGKILL)
"""
    messages_claim(at=at)
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT, timeout=90)
    assert done.returncode == -signal.SIGKILL
    assert BusMessage.objects.get().state == "claimed"
    wait_out_the_window(nats_server.url)
    assert dispatch(bus, at + LEASE) == (1, 1)
    assert ids_of(stored(nats_server.url)) == [row.message_id]
    assert BusMessage.objects.get().state == "sent"


# --- commands -----------------------------------------------------------------------------------------


def said(*words):
    out = StringIO()
    call_command("bus", *words, stdout=out)
    return out.getvalue()


def test_the_command_makes_the_stream_and_then_changes_nothing(nats_server, settings):
    """`bus ensure-stream`: idempotent, and it says what it did."""
    settings.NATS_URL, settings.NATS_STREAM, settings.NATS_SUBJECT = nats_server.url, "OTHER", "other.issued"
    assert json.loads(said("ensure-stream", "--dry-run", "--json"))["result"] == "missing"
    assert json.loads(said("ensure-stream", "--json")) == {
        "stream": "OTHER", "subjects": ["other.issued.>"], "result": "created", "changes": [],
    }  # fmt: skip
    assert json.loads(said("ensure-stream", "--json"))["result"] == "unchanged"
    settings.NATS_SUBJECT = "others.issued"
    found = json.loads(said("ensure-stream", "--json"))
    assert (found["result"], found["changes"][0]["member"]) == ("updated", "subjects")
    assert said("ensure-stream").endswith("unchanged\n")


def test_the_command_says_that_nobody_answers(settings, nats_server):
    settings.NATS_URL = nats_server.url
    nats_server.stop()
    with pytest.raises(CommandError, match="NATS does not answer"):
        said("ensure-stream")


def test_a_bus_that_is_gone_raises_nothing_but_its_own(nats_server):
    nats_server.stop()
    connection = Bus()
    try:
        with pytest.raises(BusUnreachable):
            connection.ask(nats_server.url)
        (answer,) = connection.publish(nats_server.url, [Outgoing("a.b", "b", b"")], stream="S")
    finally:
        connection.close()
    assert answer.outcome is Outcome.UNREACHABLE


# --- consumers ----------------------------------------------------------------------------------------


def test_the_consumer_of_the_documentation_reads_each_purchase_once(bus, nats_server, buy, read, at):
    """The example runs as it stands, and a second run finds nothing new."""
    purchases = [buy() for _ in range(2)]
    read(at)
    dispatch(bus, at)
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/events.md").read_text(), re.DOTALL)
    environment = {**os.environ, "NATS_URL": nats_server.url, "STREAM": STREAM, "SUBJECT": SUBJECT}

    def run():
        done = subprocess.run(
            [sys.executable, "-c", program, "--until-empty"],
            env=environment, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.split("\n")[:-1]

    lines = run()
    assert lines == [f"{bought.issued.issuance.jti_text} issue acme 25" for bought in purchases]
    assert run() == []


def test_the_task_publishes_with_the_connection_of_the_process(nats_server, bus, buy, read):
    from notifications import bus_publisher
    from notifications.tasks.bus import dispatch_bus

    buy()
    read(now())
    try:
        assert dispatch_bus() == 1
    finally:
        bus_publisher.bus.close()
    assert len(stored(nats_server.url)) == 1
