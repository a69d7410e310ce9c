"""Sending what waits: claims, retries and who is not written to. The servers are in `test_smtp.py`."""

from __future__ import annotations

import smtplib
import threading
from datetime import timedelta

import pytest
from anymail.exceptions import AnymailAPIError
from django.core import mail
from django.db import connection

from notifications.domain.retrying import CLAIM, DELAYS
from notifications.models import Message, Suppression
from notifications.parts import Attachment
from notifications.selectors.messages import messages_due, messages_failed
from notifications.sending import failure_of
from notifications.services.sending import message_claim, message_send
from notifications.services.suppressions import suppression_add

pytestmark = pytest.mark.django_db
TEST_PROVIDER = "anymail.backends.test.EmailBackend"


class Refusing:
    """A backend that fails as it is told."""

    error: Exception | None = None

    def __init__(self, **_):
        pass

    def send_messages(self, _messages):
        raise self.error


@pytest.fixture
def failing(settings):
    """Return a switch: from now on every sending ends with this exception."""
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"

    def fail(error):
        Refusing.error = error

    return fail


@pytest.fixture
def send(at):
    """Send a message and return it as it is afterwards."""

    def do(message, when=None):
        message_send(pk=message.pk, at=when or at)
        message.refresh_from_db()
        return message

    return do


REFUSED = smtplib.SMTPRecipientsRefused({"ada@acme.example": (550, b"5.1.1 no such user")})
BUSY = smtplib.SMTPRecipientsRefused({"ada@acme.example": (451, b"4.7.1 come back later")})


def test_a_mail_goes_out_and_says_so(queue, send, at):
    message = send(queue())
    assert (message.state, message.attempts, message.due_at, message.sent_at) == ("sent", 1, None, at)
    assert (message.provider, message.provider_id) == ("locmem", f"{message.uid}@testserver")
    [sent] = mail.outbox
    assert (sent.subject, sent.to) == (message.subject, ["ada@acme.example"])
    assert sent.alternatives[0].mimetype == "text/html"


def test_a_mail_that_went_out_does_not_go_out_again(queue, send):
    send(send(queue()))
    assert len(mail.outbox) == 1


def test_sender_answer_address_and_files_go_along(queue, send):
    send(
        queue(
            sender="Acme <a@acme.example>",
            reply_to="help@acme.example",
            attachments=[Attachment("a.lic", "application/octet-stream", b"\x00\r\n\xff")],
        )
    )
    raw = mail.outbox[0].message()
    assert (raw["From"], raw["Reply-To"]) == ('"Acme" <a@acme.example>', "help@acme.example")
    [file] = [part for part in raw.walk() if part.get_filename() == "a.lic"]
    assert file.get_payload(decode=True) == b"\x00\r\n\xff"


def test_the_address_to_unsubscribe_stands_in_the_headers(queue, send):
    """RFC 8058."""
    send(queue(stream="notice"))
    raw = mail.outbox[0].message()
    assert raw["List-Unsubscribe"].startswith("<http://testserver/mail/unsubscribe/")
    assert raw["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_mail_is_not_sent_before_it_is_due(queue, send, at):
    message = queue(at=at + timedelta(minutes=1))
    assert send(message).state == "queued"
    assert mail.outbox == []


def test_a_claim_keeps_others_away_until_it_lapses(queue, at):
    """A dead worker's message is taken up by another."""
    message = queue()
    assert message_claim(pk=message.pk, at=at) is not None
    assert message_claim(pk=message.pk, at=at) is None
    assert messages_due(at=at + CLAIM - timedelta(seconds=1), limit=10) == []
    assert messages_due(at=at + CLAIM, limit=10) == [message.pk]
    assert message_claim(pk=message.pk, at=at + CLAIM).attempts == 2


def test_a_worker_that_was_taken_for_dead_changes_nothing_any_more(queue, at, failing, send):
    from notifications.sending import Receipt
    from notifications.services.sending import _sent

    message = queue()
    slow = message_claim(pk=message.pk, at=at)
    failing(REFUSED)
    assert send(message, at + CLAIM).state == "bounced"
    _sent(slow, Receipt("smtp", "x"), at + CLAIM)
    message.refresh_from_db()
    assert message.state == "bounced"


def test_a_report_that_came_before_the_worker_finished_stays(queue, at):
    from notifications.sending import Receipt
    from notifications.services.sending import _sent

    message = queue()
    mine = message_claim(pk=message.pk, at=at)
    Message.objects.filter(pk=message.pk).update(state="delivered", settled_at=at)
    _sent(mine, Receipt("postmark", "id-1"), at)
    message.refresh_from_db()
    assert (message.state, message.provider_id) == ("delivered", "id-1")


def test_a_refused_recipient_is_final_at_once_and_not_written_to_again(queue, send, failing):
    failing(REFUSED)
    message = send(queue())
    assert (message.state, message.due_at, message.error) == ("bounced", None, "550 5.1.1 no such user")
    assert Suppression.objects.get().reason == "hard_bounce"
    assert send(queue(dedupe_key="two")).state == "suppressed"


def test_a_refusal_for_another_cause_suppresses_nobody(queue, send, failing):
    failing(smtplib.SMTPRecipientsRefused({"ada@acme.example": (550, b"5.7.1 not from you")}))
    assert send(queue()).state == "bounced"
    assert not Suppression.objects.exists()


def test_a_passing_failure_is_tried_again_later_each_time(queue, send, failing, at):
    failing(BUSY)
    message, when = queue(), at
    for count, delay in enumerate(DELAYS, start=1):
        send(message, when)
        assert (message.state, message.attempts) == ("queued", count)
        assert delay <= message.due_at - when <= delay * 1.25
        when = message.due_at
    assert send(message, when).state == "failed"
    assert message.due_at is None


def test_what_was_given_up_waits_for_a_person(queue, send, failing, at):
    failing(smtplib.SMTPDataError(554, b"message refused"))
    message = send(queue())
    assert list(messages_failed(at=at)) == [message]
    assert list(messages_failed(at=at + timedelta(days=31))) == []


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (smtplib.SMTPServerDisconnected("gone"), "queued"),
        (ConnectionRefusedError(111, "refused"), "queued"),
        (TimeoutError("slow"), "queued"),
        (smtplib.SMTPAuthenticationError(535, b"wrong password"), "queued"),
        (smtplib.SMTPConnectError(554, b"no service"), "queued"),
        (smtplib.SMTPSenderRefused(550, b"not you", "a@b"), "queued"),
        (smtplib.SMTPDataError(451, b"later"), "queued"),
        (smtplib.SMTPDataError(552, b"too large"), "failed"),
        (smtplib.SMTPNotSupportedError("SMTPUTF8"), "failed"),
        (UnicodeEncodeError("ascii", "ü", 0, 1, "no"), "failed"),
        (RuntimeError("anything"), "queued"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_of_the_set_up_waits_and_one_of_the_mail_is_final(queue, send, failing, error, state):
    failing(error)
    assert send(queue()).state == state


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(400, True), (422, True), (401, False), (429, False), (500, False), (None, False)],
)
def test_a_provider_s_answer_tells_whether_to_try_again(status, permanent):
    error = AnymailAPIError("no")
    error.status_code, error.response = status, None
    error.describe_response = lambda: ""
    assert failure_of(error).permanent is permanent


def test_a_provider_gets_the_uid_and_gives_its_own_id(queue, send, settings):
    settings.EMAIL_BACKEND = TEST_PROVIDER
    message = send(queue())
    assert (message.state, message.provider, message.provider_id) == ("sent", "test", "0")
    params = mail.outbox[0].anymail_test_params
    assert params["metadata"] == {"message": str(message.uid)}
    assert (params["track_opens"], params["track_clicks"]) == (False, False)


def test_a_lost_key_encryption_key_delays_and_loses_nothing(queue, send, settings):
    message = queue()
    settings.KEY_ENCRYPTION_KEYS = ["YW5vdGhlci1rZXktZW5jcnlwdGlvbi1rZXktMzItYnk="]
    assert send(message).state == "queued"


def test_a_suppressed_recipient_is_not_written_to(queue, send, at):
    suppression_add(
        address="ADA@acme.example", reason="unsubscribe", stream="notice", actor="cli:test", at=at
    )
    message = send(queue(stream="notice"))
    assert (message.state, message.error, message.due_at) == ("suppressed", "unsubscribed", None)
    assert mail.outbox == []


def test_who_unsubscribed_still_gets_what_is_owed(queue, send, at):
    suppression_add(address="ada@acme.example", reason="unsubscribe", actor="cli:test", at=at)
    assert send(queue()).state == "sent"


def test_no_transaction_is_open_while_the_server_is_asked(
    queue, send, settings, monkeypatch, transactional_db
):
    """Always true 11."""
    seen = []
    monkeypatch.setattr(Refusing, "send_messages", lambda *_: seen.append(connection.in_atomic_block))
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    send(queue())
    assert seen == [False]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_sends(queue, at):
    """Always true 7: never two sendings of one row."""
    message = queue()
    # the commit has sent it already; it waits again
    Message.objects.filter(pk=message.pk).update(state="queued", due_at=at, attempts=0)
    mail.outbox.clear()
    start, outcomes = threading.Barrier(8), []

    def work():
        try:
            start.wait(120)
            outcomes.append(message_send(pk=message.pk, at=at))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(outcomes) == ["", "", "", "", "", "", "", "sent"]
    assert len(mail.outbox) == 1
