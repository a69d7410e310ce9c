"""The event bus in the admin: the list, a message, publishing again, and what waits for a person."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from config.kit.attention import sources
from history.models import Event
from notifications.domain.bus import REFUSALS, Answer, Outcome
from notifications.models import BusMessage
from notifications.services.bus import messages_dispatch

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("follow_from_now")]
LIST = "/admin/notifications/busmessage/"


@pytest.fixture
def billing(make_user, signed_in, clock):
    return signed_in(make_user("billing"))


@pytest.fixture
def dead(buy, read, recorder, at):
    """A purchase that the bus refused until it was given up."""
    bought = buy()
    read(at)
    recorder.answer = Answer(Outcome.REFUSED, detail="JetStream refused it: <b>no room</b>")
    BusMessage.objects.update(refusals=REFUSALS - 1)
    messages_dispatch(clock=lambda: at, publish=recorder)
    row = BusMessage.objects.get()
    assert row.state == "dead"
    row.bought = bought
    return row


def problems(name, at):
    return list(next(source for source in sources() if source.name == name).find(at))


def test_the_list_finds_a_message_by_its_id(billing, dead):
    found = billing.get(LIST, {"q": dead.message_id}).content.decode()
    assert dead.bought.license.public_id in found
    assert "given up" in found
    assert dead.bought.license.public_id not in billing.get(LIST, {"q": "no-such-id"}).content.decode()


def test_the_page_shows_what_is_published_and_why_it_was_not(billing, dead):
    page = billing.get(reverse("admin:notifications_busmessage_change", args=[dead.pk])).content.decode()
    assert "licenseoperator.license.issued" in page
    assert "&lt;b&gt;no room&lt;/b&gt;" in page
    assert "<b>no room</b>" not in page


def test_billing_publishes_again_and_an_auditor_does_not(billing, dead, signed_in, auditor):
    """E20: a dead letter is re-queued by who may."""
    address = reverse("admin:notifications_busmessage_resend", args=[dead.pk])
    assert signed_in(auditor).post(address).status_code == 403
    assert billing.post(address).status_code == 302
    dead.refresh_from_db()
    assert (dead.state, dead.refusals) == ("queued", 0)
    assert Event.objects.filter(kind="bus.resent").count() == 1


def test_a_dead_letter_waits_for_a_person_who_can_try_again(billing, dead, at):
    (problem,) = problems("bus", at)
    assert dead.bought.license.public_id in problem.title
    source = next(source for source in sources() if source.name == "bus")
    assert source.retry(problem.key, actor="user:1", at=at) == "It is published again."
    assert problems("bus", at) == []


def test_purchases_without_a_bus_are_said_to_wait(buy, read, at, settings):
    """An unset SIGNET_NATS_URL is told, unless the bus is left out on purpose."""
    buy()
    read(at)
    (problem,) = problems("bus-waiting", at)
    assert problem.title == "1 purchase waits for the event bus"
    assert "SIGNET_NATS_URL" in problem.cause


def test_a_bus_that_is_away_for_long_is_told(buy, read, recorder, at):
    buy()
    read(at)
    assert problems("bus-waiting", at + timedelta(minutes=5)) == []
    assert len(problems("bus-waiting", at + timedelta(minutes=20))) == 1


def test_the_command_lists_and_sends_again(dead):
    out = StringIO()
    call_command("bus", "list", "--state", "dead", stdout=out)
    assert out.getvalue().startswith(f"{dead.message_id}  dead")
    with pytest.raises(CommandError):
        call_command("bus", "resend", stdout=out)
    with pytest.raises(CommandError, match="no such message"):
        call_command("bus", "resend", "nothing", stdout=out)
    call_command("bus", "resend", "--dead", stdout=out)
    dead.refresh_from_db()
    assert dead.state == "queued"
