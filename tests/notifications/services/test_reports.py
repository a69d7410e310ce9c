"""What providers report of messages."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from history.models import Event
from notifications.domain.reports import Report
from notifications.models import MessageEvent, Suppression
from notifications.services.reports import Reported, report_record
from notifications.services.sending import message_send

pytestmark = pytest.mark.django_db
ACTOR = "system:mail-postmark"


@pytest.fixture
def sent(queue, at, settings):
    """A message that a provider took under the id `0`."""
    settings.EMAIL_BACKEND = "anymail.backends.test.EmailBackend"
    message = queue(stream="notice")
    message_send(pk=message.pk, at=at)
    message.refresh_from_db()
    return message


@pytest.fixture
def report(sent, at):
    """Report something of the message and return it as it is afterwards."""

    def do(kind, event_id="e1", **fields):
        given = {"provider": "test", "message_id": sent.provider_id, "at": at, **fields}
        found = report_record(
            reported=Reported(event_id=event_id, report=Report(kind), **given), actor=ACTOR, at=at
        )
        sent.refresh_from_db()
        return found

    return do


def test_delivery_is_told_by_the_provider_s_id(report, sent, at):
    assert report("delivered", at=at + timedelta(seconds=9)) == sent
    assert (sent.state, sent.settled_at) == ("delivered", at + timedelta(seconds=9))
    assert MessageEvent.objects.get().kind == "delivered"


def test_our_uid_finds_a_message_whose_worker_died_before_it_could_say_so(queue, at):
    """Sent, and reported before anybody here knew: it is not sent again."""
    message = queue()
    told = Reported(
        provider="test",
        event_id="e1",
        report=Report.DELIVERED,
        message_id="pm-1",
        uid=str(message.uid),
        at=at,
    )
    report_record(reported=told, actor=ACTOR, at=at)
    message.refresh_from_db()
    assert (message.state, message.provider, message.provider_id) == ("delivered", "test", "pm-1")
    assert (message.sent_at, message.due_at) == (at, None)


def test_the_same_report_counts_once(report, sent):
    report("bounced", reason="bounced")
    report("bounced", reason="bounced")
    assert MessageEvent.objects.count() == 1
    assert Event.objects.filter(kind="suppression.added").count() == 1


def test_an_older_report_that_comes_late_is_kept_and_moves_nothing(report, sent):
    report("bounced", "e2", reason="bounced", detail="550 no such user")
    report("delivered", "e1")
    assert (sent.state, sent.error) == ("bounced", "550 no such user")
    assert MessageEvent.objects.count() == 2


@pytest.mark.parametrize(
    ("kind", "reason", "soft", "stopped"),
    [
        ("bounced", "bounced", False, ("hard_bounce", "")),
        ("bounced", "bounced", True, None),
        ("complained", "", False, ("complaint", "")),
        ("unsubscribed", "", False, ("unsubscribe", "notice")),
        ("delivered", "", False, None),
    ],
)
def test_a_bad_address_a_complaint_and_a_wish_suppress(report, sent, kind, reason, soft, stopped):
    report(kind, reason=reason, soft=soft)
    found = Suppression.objects.first()
    assert (found and (found.reason, found.stream)) == stopped
    assert found is None or (found.address, found.message) == ("ada@acme.example", sent)


@pytest.mark.parametrize("uid", ["", "no uuid", "00000000-0000-7000-8000-000000000000"])
def test_a_report_of_somebody_else_s_message_changes_nothing(report, uid):
    assert report("delivered", message_id="", uid=uid) is None
    assert report("delivered", message_id="somebody-else-s", uid="") is None
    assert not MessageEvent.objects.exists()


def test_another_provider_s_id_is_no_id_of_ours(report, sent):
    assert report("delivered", provider="mailgun") is None


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_same_report_at_once_through_many_connections_counts_once(report, sent, at):
    start = threading.Barrier(6)

    def work():
        try:
            start.wait(120)
            told = Reported(
                provider="test", event_id="e1", report=Report.COMPLAINED, message_id=sent.provider_id, at=at
            )
            report_record(reported=told, actor=ACTOR, at=at)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert (MessageEvent.objects.count(), Suppression.objects.count()) == (1, 1)
    assert Event.objects.filter(kind="suppression.added").count() == 1
