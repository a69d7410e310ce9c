"""From an event to an answer: written with the cursor, claimed, sent for real, settled."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine
from standardwebhooks.webhooks import Webhook

from history.models import Event, ParkedEvent
from history.services import parked_rerun, reader_register, reader_run, sequence
from licenses.services.catalogue import product_create
from notifications.domain.webhook_attempts import DELAYS, JITTER, Answer
from notifications.models import Delivery, DeliveryAttempt, WebhookEndpoint
from notifications.services.deliveries import (
    LEASE,
    READER,
    claim_send,
    delivery_claim,
    delivery_settle,
    event_deliver,
    webhook_test,
)
from notifications.services.webhooks import webhook_delete, webhook_rotate, webhook_update
from notifications.webhook_errors import WebhookOff
from tests.notifications.webhooks.conftest import answer

pytestmark = [pytest.mark.django_db, pytest.mark.enable_socket]
BY = {"actor": "user:1"}


def state(delivery):
    delivery.refresh_from_db()
    return delivery.state


# --- the reader -------------------------------------------------------------------------------------


def test_every_issuance_becomes_a_delivery(make_endpoint, make_license, rsa_key, follow, at):
    """C31, architecture: outbound webhooks get every issuance, whatever caused it."""
    from licenses.services.issuing import license_issue

    make_endpoint(kinds=["license.issued"])
    follow()
    row = make_license()
    for channel in ("admin", "api", "cli"):
        license_issue(license=row, channel=channel, **BY, at=at)
    follow()
    issued = Event.objects.filter(kind="license.issued", data__has_key="jti")
    assert Delivery.objects.count() == issued.count() == 3


def test_the_body_says_what_happened_and_not_who_or_with_what(make_endpoint, deliver, at):
    """Trust: ids, states and counts; of the actor only the class."""
    make_endpoint()
    (delivery,) = deliver(kind="license.issued", data={"jti": "abc", "seats": 25}, account="C-1")
    event = delivery.event
    assert json.loads(delivery.body) == {
        "type": "license.issued",
        "timestamp": "2026-03-02T09:30:00.000000Z",
        "data": {
            "id": str(event.uid),
            "position": event.entry.position,
            "subject": event.subject,
            "account": "C-1",
            "actor": "user",
            "data": {"jti": "abc", "seats": 25},
        },
    }
    assert (delivery.state, delivery.due_at, delivery.kind) == ("queued", at, "license.issued")


def test_an_endpoint_gets_the_kinds_that_it_asked_for(make_endpoint, deliver):
    """C31"""
    some, every = make_endpoint(kinds=["license.revoked"]), make_endpoint()
    deliver(kind="license.issued")
    deliver(kind="license.revoked")
    assert [d.kind for d in some.deliveries.all()] == ["license.revoked"]
    assert every.deliveries.filter(kind__startswith="license.").count() == 2


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"subject": "product:demo", "kind": "product.changed"}, True),
        ({"subject": "plan:demo/pro", "kind": "plan.changed"}, True),
        ({"subject": "key:abc", "kind": "key.rotated", "data": {"product": "demo"}}, True),
        ({"subject": "product:other", "kind": "product.changed"}, False),
        ({"subject": "key:abc", "kind": "key.rotated", "data": {"product": None}}, False),
        ({"subject": "account:C-1", "kind": "account.created"}, False),
        ({"subject": "license:L-unknown"}, False),
    ],
)
def test_an_endpoint_gets_the_products_that_it_asked_for(make_endpoint, product, deliver, facts, expected):
    """C31: filters by product; what is about no product is for those who filter none."""
    make_endpoint(products=["demo"])
    assert bool(deliver(**facts)) is expected


def test_a_license_s_events_are_of_its_product(make_endpoint, product, make_license, deliver, at):
    """C31"""
    product_create(product_key="other", name="Other", **BY, at=at)
    here, there = make_endpoint(products=["demo"]), make_endpoint(products=["other"])
    deliver(subject=f"license:{make_license().public_id}", kind="license.revoked")
    assert here.deliveries.filter(kind="license.revoked").count() == 1
    assert not there.deliveries.exists()


def test_who_is_off_or_deleted_gets_nothing(make_endpoint, deliver, at):
    webhook_update(endpoint=make_endpoint(), changes={"enabled": False}, **BY, at=at)
    webhook_delete(endpoint=make_endpoint(), **BY, at=at)
    assert deliver() == []


def test_a_new_endpoint_gets_what_happens_from_then_on(make_endpoint, happen, deliver):
    happen(3)
    make_endpoint(kinds=["license.issued"])
    assert len(deliver(2)) == 2
    assert Delivery.objects.count() == 2


def test_what_happened_before_an_endpoint_was_made_is_not_for_it_when_the_reader_is_late(
    make_endpoint, deliver, at
):
    make_endpoint()
    assert deliver(at=at - timedelta(seconds=1)) == []
    assert len(deliver()) == 1


@pytest.fixture
def dying():
    """A reader that dies when its work is done and its cursor has not moved yet."""

    def work_and_die(event, *, at):
        event_deliver(event, at=at)
        raise RuntimeError("killed")

    reader_register(READER, work_and_die)
    yield
    reader_register(READER, event_deliver, from_start=False)


def test_the_deliveries_stand_or_fall_with_the_cursor(make_endpoint, follow, happen, dying):
    """Architecture: a delivery row in the transaction that moves the cursor."""
    make_endpoint(kinds=["license.issued"])
    happen()
    follow()
    assert not Delivery.objects.exists()
    reader_register(READER, event_deliver)
    follow()
    assert Delivery.objects.count() == 1


def test_an_event_that_is_run_again_gives_no_second_delivery(make_endpoint, deliver, at):
    """Trust: each reader handles an event once."""
    make_endpoint(kinds=["license.issued"])
    (delivery,) = deliver()
    parked = ParkedEvent.objects.create(
        reader_id="webhooks", event=delivery.event, attempts=3, error="", parked_at=at
    )
    parked_rerun(parked_id=parked.pk, **BY, at=at)
    assert Delivery.objects.filter(event=delivery.event).count() == 1


def test_the_reader_asks_the_database_little(
    make_endpoint, follow, happen, at, django_assert_max_num_queries
):
    for _ in range(5):
        make_endpoint()
    follow()
    happen()
    sequence(at=at)
    with django_assert_max_num_queries(16):  # two steps, the second of which finds nothing
        assert reader_run(READER, at=at) == 1


# --- one attempt ------------------------------------------------------------------------------------


def test_a_delivery_arrives_and_a_foreign_library_verifies_it(make_endpoint, deliver, send, serve, at):
    """C31: Standard Webhooks, end to end."""
    receiver = serve()
    endpoint = make_endpoint(receiver)
    (delivery,) = deliver()
    assert send(endpoint)
    (one,) = receiver.received
    with time_machine.travel(at):  # the library asks the real clock whether a timestamp is fresh
        assert Webhook(endpoint.secret).verify(one.body, one.headers) == json.loads(delivery.body)
    assert one.headers["webhook-id"] == str(delivery.uid)
    assert state(delivery) == "delivered"


def test_what_was_delivered_is_not_sent_again(make_endpoint, deliver, send, serve):
    receiver = serve()
    endpoint = make_endpoint(receiver, kinds=["license.issued"])
    deliver()
    assert send(endpoint)
    assert not send(endpoint)
    assert len(receiver.received) == 1


def test_each_attempt_is_logged_with_its_answer(make_endpoint, deliver, send, serve, at):
    endpoint = make_endpoint(serve(answer(500, b"no room")))
    (delivery,) = deliver()
    assert not send(endpoint)
    (attempt,) = delivery.log.all()
    assert (attempt.number, attempt.at, attempt.status) == (1, at, 500)
    assert (attempt.answer, attempt.error) == ("no room", "Answered 500 Internal Server Error.")
    delivery.refresh_from_db()
    assert (delivery.attempts, delivery.last_status, delivery.state) == (1, 500, "queued")


def test_the_whole_schedule_over_simulated_time(make_endpoint, deliver, send, serve, clock, at):
    """C31: ten attempts by Standard Webhooks' schedule, then a dead letter."""
    receiver = serve(answer(503))
    endpoint = make_endpoint(receiver, kinds=["license.issued"])
    (delivery,) = deliver()
    for number, delay in enumerate(DELAYS, start=1):
        early = delivery.due_at - timedelta(seconds=1)
        assert timedelta(0) <= delivery.due_at - clock.at <= delay * (1 + JITTER)
        clock.set(max(early, clock.at))
        assert number == 1 or not send(endpoint)  # a second before its time nothing goes out
        clock.set(delivery.due_at)
        send(endpoint)
        delivery.refresh_from_db()
        assert len(receiver.received) == number
    assert (delivery.state, delivery.due_at, delivery.attempts) == ("dead", None, 10)
    assert set(receiver.ids) == {str(delivery.uid)}
    assert len({one.headers["webhook-timestamp"] for one in receiver.received}) == 10


def test_a_receiver_that_comes_back_gets_everything(make_endpoint, deliver, send, serve, clock):
    receiver = serve(answer(500))
    endpoint = make_endpoint(receiver, kinds=["license.issued"])
    deliveries = deliver(3)
    send(endpoint)
    receiver.behave = answer(200)
    clock.advance(timedelta(hours=1))
    while send(endpoint):
        pass
    assert {state(delivery) for delivery in deliveries} == {"delivered"}
    assert WebhookEndpoint.objects.get().failing_since is None


def test_retry_after_is_honoured(make_endpoint, deliver, send, serve, at):
    endpoint = make_endpoint(serve(answer(429, Retry_After="7200")))
    (delivery,) = deliver()
    send(endpoint)
    delivery.refresh_from_db()
    assert delivery.due_at == at + timedelta(hours=2)


def test_gone_switches_the_endpoint_off(make_endpoint, deliver, send, serve):
    """Standard Webhooks: 410 is a wish to hear no more."""
    endpoint = make_endpoint(serve(answer(410)), kinds=["license.issued"])
    deliveries = deliver(3)
    send(endpoint)
    endpoint.refresh_from_db()
    assert (endpoint.enabled, endpoint.disabled_reason) == (False, "It answered 410 Gone.")
    assert {state(delivery) for delivery in deliveries} == {"cancelled"}
    event = Event.objects.latest("id")
    assert (event.kind, event.actor, event.data["cause"]) == ("webhook.changed", "system:webhooks", "gone")


def test_five_days_of_failure_switch_the_endpoint_off(make_endpoint, deliver, send, serve, clock, at):
    endpoint = make_endpoint(serve(answer(500)), kinds=["license.issued"])
    deliver()
    send(endpoint)
    endpoint.refresh_from_db()
    assert (endpoint.enabled, endpoint.failing_since) == (True, at)
    clock.advance(timedelta(days=5))
    deliver()
    send(endpoint)
    endpoint.refresh_from_db()
    assert not endpoint.enabled
    assert endpoint.disabled_reason.startswith("Every request failed since 2026-03-02 09:30 UTC.")
    assert not Delivery.objects.filter(state__in=["queued", "claimed"]).exists()


def test_one_success_in_between_starts_the_five_days_anew(make_endpoint, deliver, send, serve, clock):
    receiver = serve(answer(500))
    endpoint = make_endpoint(receiver, kinds=["license.issued"])
    for behave in (answer(500), answer(200), answer(500)):
        receiver.behave = behave
        deliver()
        clock.advance(timedelta(days=3))
        send(endpoint)
    endpoint.refresh_from_db()
    assert endpoint.enabled


def test_while_two_secrets_overlap_both_sign(make_endpoint, deliver, send, serve, at):
    """C31: rotation without a lost webhook."""
    receiver = serve()
    endpoint = make_endpoint(receiver, kinds=["license.issued"])
    _, new = webhook_rotate(endpoint=endpoint, **BY, at=at)
    deliver()
    send(endpoint)
    (one,) = receiver.received
    signatures = one.headers["webhook-signature"].split()
    uid = one.headers["webhook-id"]
    assert signatures == [
        Webhook(secret).sign(uid, at, one.body.decode()) for secret in (new, endpoint.secret)
    ]


def test_a_receiver_that_prints_its_secret_does_not_put_it_into_the_log(make_endpoint, deliver, send, serve):
    """Trust: no webhook secret in the log of deliveries."""
    receiver = serve()
    endpoint = make_endpoint(receiver)
    receiver.behave = answer(500, f"secret={endpoint.secret} {endpoint.secret[6:]}".encode())
    (delivery,) = deliver()
    send(endpoint)
    assert delivery.log.get().answer == "secret=[secret] [secret]"


# --- claims -----------------------------------------------------------------------------------------


def test_a_worker_that_dies_after_sending_leaves_a_delivery_that_goes_out_again(
    make_endpoint, deliver, send, serve, clock
):
    """C31: the same webhook-id again, by which the receiver knows it."""
    receiver = serve()
    endpoint = make_endpoint(receiver, kinds=["license.issued"])
    (delivery,) = deliver()
    claim_send(delivery_claim(endpoint_id=endpoint.pk, at=clock.at), at=clock.at)  # and nothing is settled
    clock.advance(LEASE - timedelta(seconds=1))
    assert not send(endpoint)
    clock.advance(timedelta(seconds=1))
    assert send(endpoint)
    assert receiver.ids == [str(delivery.uid)] * 2
    assert state(delivery) == "delivered"


def test_one_request_at_a_time_for_an_endpoint(make_endpoint, deliver, clock):
    """C31: a queue per endpoint."""
    endpoint = make_endpoint(kinds=["license.issued"])
    deliver(3)
    assert delivery_claim(endpoint_id=endpoint.pk, at=clock.at)
    assert delivery_claim(endpoint_id=endpoint.pk, at=clock.at) is None


def test_one_endpoint_s_claim_holds_no_other_up(make_endpoint, deliver, clock):
    """C31: a slow one delays nobody."""
    slow, other = make_endpoint(), make_endpoint()
    deliver()
    assert delivery_claim(endpoint_id=slow.pk, at=clock.at)
    assert delivery_claim(endpoint_id=other.pk, at=clock.at)


def test_the_one_that_waits_longest_goes_first(make_endpoint, deliver, send, serve, clock):
    receiver = serve()
    endpoint = make_endpoint(receiver, kinds=["license.issued"])
    first = deliver(2)
    clock.advance(timedelta(seconds=1))
    second = deliver()
    while send(endpoint):
        pass
    assert receiver.ids == [str(delivery.uid) for delivery in [*first, *second]]


def test_whoever_comes_late_settles_nothing(make_endpoint, deliver, clock):
    """A claim that lapsed and was taken by another worker is the other's to settle."""
    endpoint = make_endpoint(kinds=["license.issued"])
    (delivery,) = deliver()
    late = delivery_claim(endpoint_id=endpoint.pk, at=clock.at)
    clock.advance(LEASE)
    assert delivery_claim(endpoint_id=endpoint.pk, at=clock.at)
    delivery_settle(claim=late, answer=Answer(status=500), at=clock.at)
    assert (state(delivery), delivery.attempts, delivery.log.count()) == ("claimed", 0, 1)


@pytest.mark.parametrize(("status", "expected"), [(500, "cancelled"), (200, "delivered")])
def test_switching_off_during_a_request_is_heard(make_endpoint, deliver, clock, status, expected):
    endpoint = make_endpoint(kinds=["license.issued"])
    (delivery,) = deliver()
    claim = delivery_claim(endpoint_id=endpoint.pk, at=clock.at)
    webhook_update(endpoint=endpoint, changes={"enabled": False}, **BY, at=clock.at)
    delivery_settle(claim=claim, answer=Answer(status=status), at=clock.at)
    assert state(delivery) == expected
    assert not WebhookEndpoint.objects.get().enabled


def test_a_claim_shows_no_secret_when_it_is_printed(make_endpoint, deliver, clock):
    endpoint = make_endpoint()
    deliver()
    assert endpoint.secret not in repr(delivery_claim(endpoint_id=endpoint.pk, at=clock.at))


# --- a test -----------------------------------------------------------------------------------------


def test_a_test_event_tells_what_came_back(make_endpoint, serve, clock):
    """C31: test button."""
    receiver = serve(answer(200, b"hello"))
    endpoint = make_endpoint(receiver)
    attempt = webhook_test(endpoint=endpoint, clock=lambda: clock.at)
    assert (attempt.status, attempt.answer, attempt.delivery.state) == (200, "hello", "delivered")
    assert json.loads(receiver.received[0].body)["type"] == "webhook.test"


def test_a_test_that_fails_is_not_repeated_and_does_not_count(make_endpoint, serve, send, clock):
    receiver = serve(answer(410))
    endpoint = make_endpoint(receiver)
    attempt = webhook_test(endpoint=endpoint, clock=lambda: clock.at)
    clock.advance(timedelta(days=2))
    assert not send(endpoint)
    endpoint.refresh_from_db()
    assert (attempt.status, endpoint.enabled, endpoint.failing_since) == (410, True, None)


def test_an_endpoint_that_is_off_is_not_tested(make_endpoint, serve, clock, at):
    endpoint = webhook_update(endpoint=make_endpoint(serve()), changes={"enabled": False}, **BY, at=at)
    with pytest.raises(WebhookOff):
        webhook_test(endpoint=endpoint, clock=lambda: clock.at)
    assert not DeliveryAttempt.objects.exists()
