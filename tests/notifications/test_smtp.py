"""Mail over a real SMTP server: taken, refused, put off, dropped, gone and back."""

from __future__ import annotations

from datetime import timedelta
from email import policy
from email.parser import BytesParser

import pytest

from config.kit import clock as clocks
from notifications.mail_templates.license_delivery import sample
from notifications.models import Message, Suppression
from notifications.parts import Attachment
from notifications.tasks.mail import send_message, sweep_mail
from tests.notifications.smtp import DROP, Mailbox

pytestmark = [pytest.mark.enable_socket, pytest.mark.django_db(transaction=True)]
NASTY = (
    "A\r\nBcc: eve@evil.example\r\n\r\n<script>alert(1)</script>\x00\u2028X-Evil: 1 =?utf-8?q?=0aX-Evil:1?="
)


@pytest.fixture
def server(settings):
    """A server that runs, and mail goes to it."""
    mailbox = Mailbox()
    mailbox.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", mailbox.port, 20
    yield mailbox
    mailbox.close()


@pytest.fixture
def message(server, clock, queue):
    """Return a writer of mails that are sent at once, as after each commit."""

    def make(**fields):
        made = queue(**fields)
        made.refresh_from_db()
        return made

    return make


def later(message):
    """The message after the sweep that finds it due."""
    message.refresh_from_db()
    with clocks.frozen(message.due_at):
        sweep_mail()
    message.refresh_from_db()
    return message


def test_a_mail_arrives_with_text_html_and_the_bytes_of_its_file(server, message):
    """A21, E23: delivered over SMTP without TLS, as a relay in the house takes it."""
    sent = message(attachments=[Attachment("acme.lic", "application/octet-stream", b"key\r\n.\r\n\x00")])
    [mail] = server.accepted
    assert (sent.state, sent.provider, sent.error) == ("sent", "smtp", "")
    assert server.recipients == [["ada@acme.example"]]
    assert mail["Message-ID"] == f"<{sent.provider_id}>"
    assert "Your license for Relay" in mail.get_body(("plain",)).get_content()
    assert "<h1" in mail.get_body(("html",)).get_content()
    [file] = mail.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("acme.lic", b"key\r\n.\r\n\x00")


def test_a_key_arrives_unbroken(server, message):
    message()
    text = server.accepted[0].get_body(("plain",)).get_content()
    assert sample()["key"] in text.splitlines()


def test_a_refused_recipient_is_final_and_not_asked_again(server, message):
    server.rcpt = ["550 5.1.1 no such user here"]
    sent = message()
    assert (sent.state, sent.error) == ("bounced", "550 5.1.1 no such user here")
    assert (sent.due_at, server.received) == (None, [])
    assert Suppression.objects.get().message == sent


def test_a_server_that_is_busy_is_asked_again(server, message):
    server.rcpt = ["451 4.7.1 greylisted, come back"]
    sent = message()
    assert (sent.state, sent.attempts) == ("queued", 1)
    assert sent.error == "451 4.7.1 greylisted, come back"
    assert later(sent).state == "sent"
    assert len(server.accepted) == 1


@pytest.mark.parametrize(("answer", "state"), [("554 5.6.0 refused", "failed"), ("452 4.3.1 full", "queued")])
def test_what_a_server_says_of_the_text_is_final_or_not_by_its_code(server, message, answer, state):
    server.data = [answer]
    assert message().state == state


def test_after_a_dropped_line_the_same_mail_comes_again_and_can_be_recognised(server, message):
    """Faults: dropping the line after DATA. At least once, under one Message-ID."""
    server.data = [DROP]
    sent = message()
    assert (sent.state, len(server.received)) == ("queued", 1)
    assert later(sent).state == "sent"
    first, second = server.received
    assert first["Message-ID"] == second["Message-ID"]
    assert len({mail["Message-ID"] for mail in server.received}) == 1


def test_while_the_server_is_gone_nothing_is_lost_and_afterwards_each_mail_comes_once(server, message):
    """Always true 7: none lost once the mail server is back."""
    server.stop()
    sent = [message(dedupe_key=f"mail-{number}") for number in range(3)]
    assert {row.state for row in sent} == {"queued"}
    again = max(row.due_at for row in sent)
    with clocks.frozen(again):
        sweep_mail()
        server.start()
        sweep_mail()
    with clocks.frozen(again + timedelta(hours=1)):
        sweep_mail()
        sweep_mail()
    assert set(Message.objects.values_list("state", flat=True)) == {"sent"}
    ids = [mail["Message-ID"] for mail in server.accepted]
    assert sorted(ids) == sorted(f"<{row.uid}@testserver>" for row in sent)


def test_a_server_that_says_nothing_does_not_hold_a_worker_for_ever(server, message, settings, monkeypatch):
    """Faults: mail server slow."""
    import socket

    settings.EMAIL_TIMEOUT = 0.2
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.EMAIL_PORT = silent.getsockname()[1]
        sent = message()
    assert sent.state == "queued"
    assert "timed out" in sent.error


def test_hostile_names_add_no_header_and_no_recipient(server, message):
    """People: no header injection."""
    message(context=sample(account=NASTY, product=NASTY, plan=NASTY, note=NASTY))
    [mail] = server.accepted
    assert server.recipients == [["ada@acme.example"]]
    assert {"bcc", "x-evil"}.isdisjoint(name.lower() for name in mail.keys())  # noqa: SIM118 - keys repeat
    assert mail["To"] == "ada@acme.example"
    parsed = BytesParser(policy=policy.default).parsebytes(mail.as_bytes())
    assert "X-Evil" not in parsed
    assert "<script" not in parsed.get_body(("html",)).get_content()


def test_names_in_every_script_arrive_as_they_are(server, message):
    message(context=sample(product="Größe 漢字 🚀"), sender="Überwachung GmbH <a@acme.example>")
    [mail] = server.accepted
    assert "Größe 漢字 🚀" in mail["Subject"]
    assert mail["From"].addresses[0].display_name == "Überwachung GmbH"
    assert "Größe 漢字 🚀" in mail.get_body(("plain",)).get_content()


def test_one_click_headers_arrive_whole(server, message):
    """RFC 8058: the address is one unfolded link."""
    message(stream="notice")
    [mail] = server.accepted
    link = mail["List-Unsubscribe"].strip()  # it stands on a line of its own, which is folding
    assert link.startswith("<http://testserver/mail/unsubscribe/")
    assert link.endswith(">")
    assert " " not in link
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_second_task_for_a_mail_that_is_out_sends_nothing(server, message):
    sent = message()
    send_message(sent.pk)
    sweep_mail()
    assert len(server.received) == 1
