"""The task that starts the lanes, and what beat does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from celery import current_app

from notifications.models import Delivery
from notifications.schedule import BEAT
from notifications.services.deliveries import DISPATCH, LEASE, delivery_claim
from notifications.services.webhooks import webhook_update
from notifications.tasks import webhooks as tasks
from tests.notifications.webhooks.conftest import answer

pytestmark = [pytest.mark.django_db, pytest.mark.enable_socket]


def run():
    return current_app.tasks[DISPATCH].apply(throw=True).get()


def test_beat_looks_often_enough_for_the_first_retry():
    """C31: five seconds."""
    entry = BEAT[DISPATCH]
    assert entry["task"] in current_app.tasks
    assert entry["schedule"] <= 5


def test_everything_that_is_due_is_sent_to_each_endpoint(make_endpoint, deliver, serve, clock):
    one, other = serve(), serve()
    make_endpoint(one, kinds=["license.issued"])
    make_endpoint(other, kinds=["license.issued"])
    deliver(3)
    assert run() == 2
    assert (len(one.received), len(other.received)) == (3, 3)
    assert run() == 0


def test_an_endpoint_that_fails_is_left_alone_until_the_next_look(make_endpoint, deliver, serve, clock):
    """A backlog of hundreds must not become hundreds of requests in a row to who is down."""
    receiver = serve(answer(500))
    make_endpoint(receiver, kinds=["license.issued"])
    deliver(5)
    run()
    assert len(receiver.received) == 1
    run()
    assert len(receiver.received) == 2


def test_what_is_not_due_is_not_looked_at(make_endpoint, deliver, serve, clock):
    receiver = serve(answer(500))
    make_endpoint(receiver, kinds=["license.issued"])
    deliver()
    run()
    assert run() == 0
    clock.advance(timedelta(seconds=6))
    assert run() == 1


def test_a_lapsed_claim_is_found(make_endpoint, deliver, serve, clock):
    """C31: nothing is lost with a worker."""
    receiver = serve()
    endpoint = make_endpoint(receiver, kinds=["license.issued"])
    deliver()
    delivery_claim(endpoint_id=endpoint.pk, at=clock.at)
    assert run() == 0
    clock.advance(LEASE)
    assert run() == 1
    assert Delivery.objects.get().state == "delivered"


def test_an_endpoint_that_is_off_is_not_looked_at(make_endpoint, deliver, clock):
    endpoint = make_endpoint(kinds=["license.issued"])
    deliver()
    webhook_update(endpoint=endpoint, changes={"enabled": False}, actor="user:1", at=clock.at)
    assert run() == 0


def test_one_run_of_a_lane_is_bounded_and_the_rest_follows(make_endpoint, deliver, serve, clock, monkeypatch):
    monkeypatch.setattr(tasks, "BATCH", 2)
    receiver = serve()
    endpoint = make_endpoint(receiver, kinds=["license.issued"])
    deliver(3)
    tasks.drain(endpoint.pk)
    assert len(receiver.received) == 2
    run()
    assert len(receiver.received) == 3
