"""Sending a mail once more."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection

from history.models import Event
from notifications.errors import AddressSuppressed, MessageOnItsWay
from notifications.models import Message
from notifications.parts import Attachment, parts_unseal
from notifications.selectors.messages import messages_failed
from notifications.services.resending import message_hurry, message_resend, messages_hurry
from notifications.services.sending import message_send
from notifications.services.suppressions import suppression_add

pytestmark = pytest.mark.django_db
BY = {"actor": "user:7"}


def state(message, value, **fields):
    Message.objects.filter(pk=message.pk).update(state=value, **fields)
    message.refresh_from_db()
    return message


@pytest.fixture
def failed(queue, customer):
    file = Attachment("a.lic", "application/octet-stream", b"key", secret=True)
    return state(queue(stream="notice", account=customer, attachments=[file]), "failed", due_at=None)


def test_a_mail_sent_again_is_a_new_one_with_the_same_words_and_files(failed, at):
    again = message_resend(message=failed, at=at, **BY)
    assert (again.resent_from, again.state, again.subject, again.created_by) == (
        failed,
        "queued",
        failed.subject,
        "user:7",
    )
    old, new = (parts_unseal(bytes(row.parts)) for row in (failed, again))
    assert (old.text, old.html, old.attachments) == (new.text, new.html, new.attachments)
    assert old.headers["Message-ID"] != new.headers["Message-ID"] == f"<{again.uid}@testserver>"


def test_it_goes_out(failed, at):
    message_send(pk=message_resend(message=failed, at=at, **BY).pk, at=at)
    assert [sent.to for sent in mail.outbox] == [["ada@acme.example"]]


def test_it_is_one_event_that_names_nobody(failed, at, customer):
    again = message_resend(message=failed, at=at, **BY)
    event = Event.objects.get(kind="mail.resent")
    assert (event.subject, event.account) == (f"message:{again.uid}", customer.customer_id)
    assert event.data == {"repeats": str(failed.uid), "template": "license_delivery", "was": "failed"}


def test_afterwards_the_failed_one_waits_for_nobody(failed, at):
    assert list(messages_failed(at=at)) == [failed]
    message_resend(message=failed, at=at, **BY)
    assert list(messages_failed(at=at)) == []


@pytest.mark.parametrize("where", ["queued", "claimed"])
def test_what_is_on_its_way_is_not_sent_again(queue, at, where):
    with pytest.raises(MessageOnItsWay):
        message_resend(message=state(queue(), where), at=at, **BY)


def test_nor_while_its_repetition_is_on_its_way(failed, at):
    """A second click."""
    again = message_resend(message=failed, at=at, **BY)
    with pytest.raises(MessageOnItsWay):
        message_resend(message=failed, at=at, **BY)
    state(again, "sent", due_at=None)
    assert message_resend(message=failed, at=at, **BY).dedupe_key == f"resend:{failed.uid}:2"


def test_nothing_is_sent_again_to_who_is_not_written_to(failed, at):
    """It would be held back, and with it the failure would be out of sight."""
    suppression_add(address=failed.recipient, reason="hard_bounce", at=at, **BY)
    with pytest.raises(AddressSuppressed, match="Lift the suppression first"):
        message_resend(message=failed, at=at, **BY)
    assert list(messages_failed(at=at)) == [failed]


@pytest.mark.parametrize(("stream", "waits"), [("transactional", True), ("notice", False)])
def test_owed_mail_that_is_held_back_waits_for_a_person(queue, at, stream, waits):
    """A receipt or a license is owed; a notice that is not wanted is not."""
    message = queue(stream=stream, to="gone@acme.example")
    suppression_add(address="gone@acme.example", reason="hard_bounce", at=at, **BY)
    assert message_send(pk=message.pk, at=at) == "suppressed"
    assert messages_failed(at=at).exists() is waits


def test_a_repetition_that_is_held_back_waits_for_a_person(failed, at):
    again = message_resend(message=failed, at=at, **BY)
    suppression_add(address=failed.recipient, reason="manual", at=at, **BY)
    message_send(pk=again.pk, at=at)
    assert list(messages_failed(at=at)) == [again]


def test_a_waiting_mail_can_be_tried_now(queue, at):
    message = queue(at=at + timedelta(hours=4))
    assert message_hurry(message=message, at=at) is True
    message.refresh_from_db()
    assert message.due_at == at
    assert message_hurry(message=state(message, "sent", due_at=None), at=at) is False


def test_all_that_waits_can_be_tried_now(queue, at):
    queue(at=at + timedelta(hours=4))
    queue(dedupe_key="two", at=at + timedelta(hours=1))
    queue(dedupe_key="due")
    assert messages_hurry(at=at) == 2
    assert Message.objects.filter(due_at=at).count() == 3


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_make_one_mail(failed, at):
    # the commit hands it to the mailer at once, which reads the real clock: its time must not have come by that
    later = at + timedelta(days=36_500)
    start, made = threading.Barrier(4), []

    def work():
        try:
            start.wait(120)
            made.append(message_resend(message=failed, at=later, **BY).pk)
        except MessageOnItsWay:
            made.append(None)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(made) == 4
    assert Message.objects.filter(resent_from=failed).count() == 1
