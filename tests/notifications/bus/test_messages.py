"""Purchases become messages for the bus, and each is settled once (E20)."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest

from licenses.domain.wire import b64url_decode
from licenses.services.renewing import license_renew
from notifications.domain.bus import REFUSALS, Answer, Outcome
from notifications.errors import BusMessageOnItsWay
from notifications.models import BusMessage
from notifications.services.bus import (
    LEASE,
    message_resend,
    message_settle,
    messages_claim,
    messages_dispatch,
    messages_resend_dead,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("follow_from_now")]
REFUSED = Answer(Outcome.REFUSED, detail="JetStream refused it")
GONE = Answer(Outcome.UNREACHABLE, detail="NATS does not answer.")


def dispatch(recorder, at):
    return messages_dispatch(clock=lambda: at, publish=recorder)


def body(text):
    return json.loads(text)


def signed_part(issued):
    """The payload within the text that was issued, taken out by hand."""
    if issued.issuance.format == "jwt":
        return b64url_decode(issued.text.split(".")[1])
    if issued.issuance.format == "envelope":
        import base64

        return base64.b64decode(json.loads(issued.text)["payload"])
    import base64

    text = issued.text.split("-")[1]
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


def test_a_purchase_is_told_with_the_ids_of_stripe(buy, read, at, django_capture_on_commit_callbacks):
    """E20: signed payload and provider identifiers, and the license by its id and group."""
    bought = buy()
    read(at)
    row = BusMessage.objects.get()
    said = body(row.body)
    assert (said["event"], said["version"], said["id"]) == (
        "licenseoperator.license.issued",
        1,
        bought.issued.issuance.jti_text,
    )
    assert said["cause"] == "issue"
    assert said["license"]["id"] == bought.license.public_id
    assert said["license"]["group_name"] == bought.license.account.slug
    assert said["license"]["seats"] == 25
    payment = bought.payment
    assert said["stripe"] == {
        "livemode": False,
        "customer": payment.customer_ref,
        "checkout_session": payment.checkout.session_id,
        "subscription": None,
        "invoice": payment.invoice_ref,
        "payment_intent": payment.intent_ref,
    }
    assert (said["payment"]["amount_minor"], said["payment"]["currency"]) == (12_000, "eur")


@pytest.mark.parametrize("written", ["jwt", "lic1", "envelope"])
def test_the_payload_is_what_was_signed_byte_for_byte(buy, read, at, written):
    """E20: the exact bytes of the claims, without a signature."""
    bought = buy(written=written)
    read(at)
    said = body(BusMessage.objects.get().body)
    payload = b64url_decode(said["signed_payload"])
    assert payload == signed_part(bought.issued)
    assert said["issuance"]["sha256"] == hashlib.sha256(bought.issued.text.encode()).hexdigest()


def test_nothing_on_the_bus_is_a_usable_license_or_personal(buy, read, at, verified):
    """No whole token and no address of a person leaves for the bus."""
    bought = buy()
    read(at)
    text = BusMessage.objects.get().body
    assert bought.issued.text not in text
    assert bought.issued.text.rpartition(".")[2] not in text
    assert "ada@acme.example" not in text
    assert "Lovelace" not in text
    assert not verified(body(text)["signed_payload"]).ok


@pytest.mark.parametrize("channel", ["admin", "api", "cli", "trial", "bulk"])
def test_what_no_webhook_caused_stays_silent(buy, read, at, channel):
    """E20: manual, CLI and trial issuance emit none."""
    buy(channel=channel)
    read(at)
    assert not BusMessage.objects.exists()


def test_a_renewal_by_invoice_is_told_under_its_own_id(buy, make_payment, read, at):
    """E20: each issuance of a webhook is one message."""
    bought = buy()
    renewed = license_renew(license=bought.license, days=365, channel="webhook", actor="system:stripe", at=at)
    make_payment(licenses=(renewed.issued,), session=False)
    read(at)
    read(at)
    assert BusMessage.objects.count() == 2
    said = body(BusMessage.objects.get(issuance=renewed.issued.issuance).body)
    assert (said["cause"], said["stripe"]["checkout_session"]) == ("renew", None)
    assert said["stripe"]["invoice"].startswith("in_")


def test_without_a_bus_purchases_wait(buy, read, at, settings):
    """E20: an unset SIGNET_NATS_URL loses nothing."""
    buy()
    read(at)
    assert messages_dispatch(clock=lambda: at) == (0, 0)
    assert BusMessage.objects.get().state == "queued"


def test_an_installation_without_a_bus_on_purpose_writes_nothing(buy, read, at, settings):
    """SIGNET_WITHOUT=bus."""
    settings.WITHOUT = frozenset({"bus"})
    buy()
    read(at)
    assert not BusMessage.objects.exists()


def test_a_message_goes_out_once(buy, read, recorder, at):
    bought = buy()
    read(at)
    assert dispatch(recorder, at) == (1, 1)
    assert dispatch(recorder, at + timedelta(days=1)) == (0, 0)
    (sent,) = recorder.published
    jti = bought.issued.issuance.jti_text
    assert (sent.message_id, sent.subject) == (jti, f"licenseoperator.license.issued.{jti}")
    row = BusMessage.objects.get()
    assert (row.state, row.sent_at, row.sequence, row.due_at) == ("sent", at, 1, None)


def test_a_claim_keeps_other_workers_away_until_it_lapses(buy, read, recorder, at):
    buy()
    read(at)
    assert len(messages_claim(at=at)) == 1
    assert messages_claim(at=at + LEASE - timedelta(seconds=1)) == []
    assert dispatch(recorder, at + LEASE) == (1, 1)


def test_who_was_thought_dead_changes_nothing(buy, read, recorder, at):
    """A worker that comes back after its claim was taken by another."""
    buy()
    read(at)
    (late,) = messages_claim(at=at)
    dispatch(recorder, at + LEASE)
    message_settle(claim=late, answer=REFUSED, at=at + LEASE)
    assert BusMessage.objects.get().state == "sent"


def test_an_outage_is_waited_for_without_end(buy, read, recorder, at):
    """E20: a bus outage loses nothing, however long it is."""
    buy()
    read(at)
    recorder.answer = GONE
    for _ in range(REFUSALS * 3):
        dispatch(recorder, at)
        at += timedelta(minutes=10)
    row = BusMessage.objects.get()
    assert (row.state, row.attempts, row.last_error) == ("queued", REFUSALS * 3, GONE.detail)
    recorder.answer = Answer(Outcome.STORED, stream="S", sequence=9)
    dispatch(recorder, at)
    row.refresh_from_db()
    assert (row.state, row.sequence, row.last_error) == ("sent", 9, "")


def test_waits_grow_and_stay_below_six_minutes(buy, read, recorder, at):
    buy()
    read(at)
    recorder.answer = GONE
    waits = []
    for _ in range(8):
        dispatch(recorder, at)
        due = BusMessage.objects.get().due_at
        waits.append((due - at).total_seconds())
        at = due
    assert 5 <= waits[0] <= 6
    assert all(300 <= wait <= 360 for wait in waits[5:])


def test_what_is_refused_again_and_again_waits_for_a_person(buy, read, recorder, at):
    """A dead letter, and it can be sent again."""
    buy()
    read(at)
    recorder.answer = REFUSED
    for _ in range(REFUSALS):
        dispatch(recorder, at)
        at += timedelta(minutes=10)
    row = BusMessage.objects.get()
    assert (row.state, row.due_at, row.refusals) == ("dead", None, REFUSALS)
    assert dispatch(recorder, at) == (0, 0)

    assert messages_resend_dead(actor="cli:test", at=at) == 1
    recorder.answer = Answer(Outcome.STORED, stream="S", sequence=2)
    assert dispatch(recorder, at) == (1, 1)


def test_a_message_under_way_is_not_sent_again(buy, read, recorder, at):
    buy()
    read(at)
    messages_claim(at=at)
    with pytest.raises(BusMessageOnItsWay):
        message_resend(message=BusMessage.objects.get(), actor="cli:test", at=at)


def test_sending_again_is_an_event(buy, read, recorder, at):
    """Who sends again stands in the history."""
    from history.models import Event

    buy()
    read(at)
    dispatch(recorder, at)
    message_resend(message=BusMessage.objects.get(), actor="user:1", at=at)
    event = Event.objects.get(kind="bus.resent")
    assert (event.actor, event.data) == ("user:1", {"scope": "one", "count": 1})
