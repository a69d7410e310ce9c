"""Several workers at the same deliveries, with real transactions and a real receiver."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.db import close_old_connections, connection

from config.kit.lanes import Lanes
from notifications import webhook_sender
from notifications.models import Delivery
from notifications.services.deliveries import delivery_claim, delivery_of, delivery_send_next
from tests.notifications.webhooks.conftest import accept

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True), pytest.mark.enable_socket]
WORKERS = 8
LONG = 60


@pytest.fixture
def make_endpoint(make_endpoint):
    """Endpoints that ask for nothing that happens here: tasks run at once in tests, and would send it."""
    return partial(make_endpoint, kinds=["license.revoked"])


@pytest.fixture
def queued(happen, at):
    """Write deliveries of new events at an endpoint without telling anybody."""
    from history.services import sequence

    def make(endpoint, count):
        events = happen(count)
        sequence(at=at)
        Delivery.objects.bulk_create(delivery_of(endpoint, event, at) for event in events)

    return make


@pytest.fixture
def ticking(at):
    """A clock that begins at `at` in every thread: the deliveries are due by it, whatever day it is."""
    began = time.monotonic()
    return lambda: at + timedelta(seconds=time.monotonic() - began)


def side_by_side(functions):
    """Run functions at once, each with a connection of its own; return their results."""
    start = threading.Barrier(len(functions))

    def call(function):
        try:
            start.wait(timeout=LONG)
            return function()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(functions)) as pool:
        return [future.result(timeout=LONG) for future in [pool.submit(call, f) for f in functions]]


@pytest.fixture(autouse=True)
def _own_connections():
    yield
    close_old_connections()


def test_of_many_claims_at_once_one_succeeds(make_endpoint, queued, at):
    """C31: never two requests at once to one endpoint."""
    endpoint = make_endpoint()
    queued(endpoint, 5)
    claims = side_by_side([lambda: delivery_claim(endpoint_id=endpoint.pk, at=at)] * WORKERS)
    assert len([claim for claim in claims if claim]) == 1
    assert Delivery.objects.filter(state="claimed").count() == 1


def test_parallel_senders_send_nothing_twice_and_never_two_at_once(make_endpoint, queued, serve, ticking):
    """C31: claims by conditional UPDATE under the endpoint's lock."""
    lock, under_way, most = threading.Lock(), [], []

    def watch(handler):
        with lock:
            under_way.append(handler)
            most.append(len(under_way))
        time.sleep(0.005)  # long enough to meet another one, if there were any
        with lock:
            under_way.remove(handler)
        accept(handler)  # last: with the answer the next request may come

    receiver = serve(watch)
    endpoint = make_endpoint(receiver)
    queued(endpoint, 30)

    def worker():
        while Delivery.objects.exclude(state="delivered").exists():
            delivery_send_next(endpoint_id=endpoint.pk, clock=ticking)

    side_by_side([worker] * WORKERS)
    assert Counter(receiver.ids) == Counter(
        str(uid) for uid in Delivery.objects.values_list("uid", flat=True)
    )
    assert len(receiver.ids) == 30
    assert max(most) == 1


def test_while_one_receiver_hangs_the_others_get_theirs(make_endpoint, queued, serve, ticking):
    """C31, trust: a queue per endpoint so that a slow one delays nobody."""
    release = threading.Event()
    hanging = [serve(lambda handler: release.wait(LONG)) for _ in range(3)]
    good = [serve() for _ in range(3)]
    endpoints = [make_endpoint(receiver) for receiver in [*hanging, *good]]
    for endpoint in endpoints:
        queued(endpoint, 5)

    def drain(endpoint_id):
        patient = partial(webhook_sender.post, seconds=LONG)
        while delivery_send_next(endpoint_id=endpoint_id, clock=ticking, post=patient):
            pass

    lanes = Lanes(drain, width=6)
    fast = Delivery.objects.filter(endpoint__in=endpoints[3:])
    pause = threading.Event()
    while fast.exclude(state="delivered").exists() or not all(receiver.received for receiver in hanging):
        # as beat does: who is busy stays so, who failed is tried again when it is due
        for endpoint in endpoints:
            lanes.start(endpoint.pk)
        pause.wait(0.1)
    still_hanging = Delivery.objects.filter(endpoint__in=endpoints[:3], state="claimed").count()
    release.set()
    assert lanes.rest(seconds=LONG)
    assert (still_hanging, [len(set(receiver.ids)) for receiver in good]) == (3, [5, 5, 5])


def test_no_transaction_is_open_during_the_request(make_endpoint, queued, serve, ticking):
    """Trust, always true 11."""
    seen = []

    def look(handler):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            seen.extend(row[0] for row in cursor.fetchall())
        connection.close()
        accept(handler)

    endpoint = make_endpoint(serve(look))
    queued(endpoint, 1)
    assert delivery_send_next(endpoint_id=endpoint.pk, clock=ticking)
    assert set(seen) <= {"idle"}
    assert seen
