"""The tasks of mail, and that a message is sent after the commit."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.db import transaction

from config.celery import schedule
from notifications.models import Message
from notifications.tasks.mail import send_message, sweep_mail

pytestmark = pytest.mark.django_db


def test_a_message_is_sent_after_the_commit_and_not_before(queue, clock, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        message = queue()
        assert mail.outbox == []
    assert len(mail.outbox) == 1
    message.refresh_from_db()
    assert message.state == "sent"


def test_the_sweep_sends_what_a_lost_task_left(queue, clock, django_capture_on_commit_callbacks):
    queue(), queue(dedupe_key="two")
    queue(dedupe_key="later", at=clock.at + timedelta(hours=1))
    with django_capture_on_commit_callbacks(execute=True):
        assert sweep_mail() == 2
    assert len(mail.outbox) == 2
    assert sweep_mail() == 0


def test_the_sweep_takes_over_from_a_dead_worker(queue, clock, django_capture_on_commit_callbacks):
    message = queue()
    Message.objects.filter(pk=message.pk).update(
        state="claimed", attempts=1, claimed_at=clock.at, due_at=clock.at + timedelta(minutes=10)
    )
    assert sweep_mail() == 0
    clock.advance(timedelta(minutes=10))
    with django_capture_on_commit_callbacks(execute=True):
        assert sweep_mail() == 1
    message.refresh_from_db()
    assert (message.state, message.attempts) == ("sent", 2)


def test_a_task_for_a_message_that_is_gone_does_nothing(db, clock):
    assert send_message(4711) == ""


def test_beat_sweeps_each_minute():
    assert schedule()["notifications.sweep_mail"]["schedule"] == 60.0
