"""Sending again: one, all that are dead, everything since an instant."""

from __future__ import annotations

from datetime import timedelta

import pytest

from history.models import Event
from notifications.models import Delivery
from notifications.services import replaying
from notifications.services.deliveries import delivery_claim
from notifications.services.replaying import (
    deliveries_replay_dead,
    deliveries_replay_since,
    delivery_replay,
)
from notifications.services.webhooks import webhook_update
from notifications.webhook_errors import DeliveryOnItsWay, TooManyToReplay, WebhookOff

pytestmark = pytest.mark.django_db
BY = {"actor": "user:1"}


@pytest.fixture
def endpoint(make_endpoint):
    return make_endpoint(kinds=["license.issued"])


def put(new, **where):
    rows = Delivery.objects.filter(**where)
    rows.update(state=new, due_at=None, attempts=10)


def waiting():
    return sorted(Delivery.objects.filter(state="queued").values_list("event__subject", flat=True))


def last_replay():
    return Event.objects.filter(kind="webhook.replayed").latest("id")


@pytest.mark.parametrize("state", ["delivered", "dead", "cancelled", "queued"])
def test_one_delivery_is_sent_again_from_the_first_attempt_on(endpoint, deliver, at, state):
    """C31: a dead letter is re-queueable."""
    (delivery,) = deliver()
    put(state)
    later = at + timedelta(days=4)
    row = delivery_replay(delivery=delivery, **BY, at=later)
    assert (row.state, row.attempts, row.due_at, row.uid) == ("queued", 0, later, delivery.uid)
    assert last_replay().data == {"scope": "one", "count": 1, "delivery": str(delivery.uid)}


def test_what_is_being_sent_is_not_sent_again(endpoint, deliver, at):
    (delivery,) = deliver()
    delivery_claim(endpoint_id=endpoint.pk, at=at)
    with pytest.raises(DeliveryOnItsWay):
        delivery_replay(delivery=delivery, **BY, at=at)


def test_all_dead_ones_are_sent_again_and_no_others(endpoint, make_endpoint, deliver, at):
    """C31"""
    other = make_endpoint(kinds=["license.issued"])
    deliver(2)
    put("dead")
    put("delivered", endpoint=endpoint, event__subject="license:L-1")
    assert deliveries_replay_dead(endpoint=endpoint, **BY, at=at) == 1
    assert waiting() == ["license:L-0"]
    assert other.deliveries.filter(state="dead").count() == 2
    assert last_replay().data == {"scope": "dead", "count": 1}


def test_nothing_dead_is_no_event(endpoint, at):
    assert deliveries_replay_dead(endpoint=endpoint, **BY, at=at) == 0
    assert not Event.objects.filter(kind="webhook.replayed").exists()


@pytest.mark.parametrize(
    ("delivered", "expected"),
    [
        (False, ["license:cancelled", "license:dead"]),
        (True, ["license:cancelled", "license:dead", "license:delivered"]),
    ],
)
def test_everything_since_an_instant_that_did_not_arrive(endpoint, deliver, at, delivered, expected):
    """C31: replay; what arrived only on demand."""
    for state in ("dead", "cancelled", "delivered"):
        deliver(subject="license:old", at=at - timedelta(hours=1))
        deliver(subject=f"license:{state}")
        put(state, state="queued")
    assert deliveries_replay_since(endpoint=endpoint, since=at, delivered=delivered, **BY, at=at) == len(
        expected
    )
    assert waiting() == expected


def test_what_happened_while_it_was_off_is_made_up_for(endpoint, deliver, follow, at):
    """C31: no event is lost for good because an endpoint was switched off."""
    deliver(subject="license:before")
    put("delivered")
    webhook_update(endpoint=endpoint, changes={"enabled": False}, **BY, at=at)
    deliver(subject="license:meanwhile")
    deliver(subject="license:not-asked-for", kind="license.revoked")
    webhook_update(endpoint=endpoint, changes={"enabled": True}, **BY, at=at)
    assert deliveries_replay_since(endpoint=endpoint, since=at, **BY, at=at) == 1
    assert waiting() == ["license:meanwhile"]
    assert deliveries_replay_since(endpoint=endpoint, since=at, **BY, at=at) == 0


def test_what_the_reader_has_not_read_is_left_to_it(endpoint, deliver, happen, follow, at):
    deliver()
    put("delivered")
    happen(subject="license:to-come")
    assert deliveries_replay_since(endpoint=endpoint, since=at, **BY, at=at) == 0
    follow()
    assert waiting() == ["license:to-come"]


def test_the_product_filter_holds_for_what_was_missed(make_endpoint, product, deliver, at):
    endpoint = make_endpoint(products=["demo"], kinds=["product.changed"])
    webhook_update(endpoint=endpoint, changes={"enabled": False}, **BY, at=at)
    deliver(subject="product:demo", kind="product.changed")
    deliver(subject="product:other", kind="product.changed")
    webhook_update(endpoint=endpoint, changes={"enabled": True}, **BY, at=at)
    deliveries_replay_since(endpoint=endpoint, since=at, **BY, at=at)
    assert waiting() == ["product:demo"]


@pytest.mark.parametrize("missed", [True, False])
def test_too_much_at_once_is_refused_and_nothing_sent(endpoint, deliver, at, monkeypatch, missed):
    monkeypatch.setattr(replaying, "LIMIT", 2)
    deliver(3)
    put("dead")
    if missed:
        Delivery.objects.all().delete()
    with pytest.raises(TooManyToReplay) as caught:
        deliveries_replay_since(endpoint=endpoint, since=at, **BY, at=at)
    assert caught.value.members == {"limit": 2}
    assert waiting() == []


@pytest.mark.parametrize("service", ["one", "dead", "since"])
def test_an_endpoint_that_is_off_gets_nothing_again(endpoint, deliver, at, service):
    (delivery,) = deliver()
    webhook_update(endpoint=endpoint, changes={"enabled": False}, **BY, at=at)
    calls = {
        "one": lambda: delivery_replay(delivery=delivery, **BY, at=at),
        "dead": lambda: deliveries_replay_dead(endpoint=endpoint, **BY, at=at),
        "since": lambda: deliveries_replay_since(endpoint=endpoint, since=at, **BY, at=at),
    }
    with pytest.raises(WebhookOff):
        calls[service]()


def test_test_events_are_not_among_the_dead(endpoint, at):
    Delivery.objects.create(endpoint=endpoint, kind="webhook.test", body="{}", state="dead")
    assert deliveries_replay_dead(endpoint=endpoint, **BY, at=at) == 0
