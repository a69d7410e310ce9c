"""The evaluator is told by mail, and the evidence follows how far that came."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail

from history.services import reader_run, sequence
from notifications.models import Message
from notifications.services.evidence_mail import READER, evidence_deliveries_follow
from tests.trials.conftest import *  # noqa: F403 - evidence stands on a trial
from trials.domain.evidence.words import NotificationChannel, StageName
from trials.models import EvaluatorNotification
from trials.services.evidence.drafting import evidence_draft
from trials.services.evidence.graces import grace_approve
from trials.services.evidence.notifying import evaluator_notify
from trials.services.evidence.packages import latest_of
from trials.services.running import trial_revoke

pytestmark = pytest.mark.django_db
ANN = {"actor": "user:1"}


@pytest.fixture
def followed(running, at):
    """A revoked trial with its drafts; the reader has caught up."""
    trial_revoke(trial=running, reason="abuse", **ANN, at=at)
    evidence_draft(at=at)
    sequence(at=at)
    reader_run(READER, at=at)
    running.refresh_from_db()
    return running


def notify(trial, at, channel=NotificationChannel.EMAIL, **fields):
    told = evaluator_notify(
        package=latest_of(trial, StageName.FOLLOW_UP), channel=channel, **fields, **ANN, at=at
    )
    sequence(at=at)
    reader_run(READER, at=at)
    return told


def test_an_evaluator_is_told_by_mail_once(followed, at, django_capture_on_commit_callbacks):
    """B14, B18: from the event to the mail, and from the send log back to the evidence."""
    with django_capture_on_commit_callbacks(execute=True):
        told = notify(followed, at)
    (sent,) = [
        letter for letter in mail.outbox if letter.to == [followed.email] and "closed" in letter.subject
    ]
    assert "no longer valid" in sent.body
    assert evidence_deliveries_follow(at=at) == 1
    told.refresh_from_db()
    assert told.state == "sent"
    assert evidence_deliveries_follow(at=at) == 0


@pytest.mark.parametrize(
    ("logged", "said"),
    [("delivered", "delivered"), ("bounced", "failed"), ("suppressed", "failed"), ("failed", "failed")],
)
def test_the_send_log_says_how_far_it_came(followed, at, logged, said):
    """B18: a mail that does not arrive blocks the follow-up until somebody is told another way (B9)."""
    told = notify(followed, at)
    Message.objects.filter(dedupe_key=f"evaluator:{told.uid}").update(state=logged)
    evidence_deliveries_follow(at=at)
    told.refresh_from_db()
    assert told.state == said
    assert ("notification_failed" in latest_of(followed, StageName.FOLLOW_UP).blockers) is (said == "failed")


def test_other_channels_write_no_mail(followed, at):
    """B14: people work those."""
    before = Message.objects.count()
    notify(followed, at, NotificationChannel.SUPPORT_TICKET, tracking_ref="T-1")
    assert Message.objects.count() == before
    assert EvaluatorNotification.objects.get().tracking_ref == "T-1"


def test_a_grace_is_promised_only_where_the_license_runs_so_long(running, at):
    """What the mail says is what the key does."""
    late = running.ends_at + timedelta(hours=1)
    evidence_draft(at=late)
    grace_approve(trial=running, until=late + timedelta(days=14), actor="user:2", at=late)
    sequence(at=late)
    reader_run(READER, at=late)
    from trials.services.evidence.drafting import evidence_change

    expiry = latest_of(running, StageName.EXPIRY)
    evidence_change(package=expiry, values={"outcome": "escalated"}, **ANN, at=late)
    told = notify(running, late)
    from notifications.parts import parts_unseal

    text = parts_unseal(bytes(Message.objects.get(dedupe_key=f"evaluator:{told.uid}").parts)).text
    assert "how it goes on" in text
    assert "you may use it" not in text
