"""The same purchase told many times at once, on PostgreSQL: one license, one payment, one event."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from billing.models import Checkout, Payment, StripeEvent
from billing.selectors.catalogue import default_merchant
from billing.services.endpoints import OPERATOR_PATH, PATH
from billing.services.inbox import event_receive, event_store
from billing.services.merchants import merchant_default_ensure
from billing.services.processing import events_sweep
from config.kit.clock import frozen
from history.models import Event
from licenses.models import Issuance, License
from tests.stripe_double.hooks import signature

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

PAID = "checkout.session.completed"
WORKERS = 10


@pytest.fixture(autouse=True)
def _a_profile_and_no_eager_worker(db, settings, monkeypatch) -> None:
    """The flush of the test before took the default profile; and what is enqueued must not run by itself."""
    merchant_default_ensure()
    monkeypatch.setattr("billing.services.inbox.debounce", lambda *_args, **_options: None)


def together(work: Callable[[int], Any]) -> list[Any]:
    """What ten threads return that begin at the same moment."""
    start = Barrier(WORKERS)

    def one(number: int) -> Any:
        start.wait(timeout=30)
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(one, range(WORKERS)))


def counts() -> tuple[int, ...]:
    settled = Event.objects.filter(kind="payment.settled").count()
    return License.objects.count(), Issuance.objects.count(), Payment.objects.count(), settled


def sweep(shop: Any) -> None:
    together(lambda _: events_sweep(clock=lambda: shop.now))


def test_one_event_delivered_ten_times_at_once_is_stored_once(shop, one_off):
    """E17, invariant 1: duplicates across endpoints and by parallel deliveries."""
    shop.stripe.pay(shop.order(one_off).session_id)
    body = json.dumps(shop.stripe.events(PAID)[0]).encode()
    signed, at = signature(body, shop.stripe.secret, int(shop.now.timestamp())), shop.now
    new = together(lambda _: event_receive(merchant="", payload=body, signature=signed, at=at))
    assert sorted(new) == [False] * 9 + [True]
    sweep(shop)
    assert counts() == (1, 1, 1, 1)


def test_one_session_told_at_two_addresses_at_once_is_settled_once(shop, one_off):
    """E17, invariant 1: our own endpoint and the License Operator's stand at Stripe side by side, and both are told."""
    shop.stripe.pay(shop.order(one_off).session_id)
    event, at, paths = shop.stripe.events(PAID)[0], shop.now, (PATH, OPERATOR_PATH)

    def deliver(number):
        with frozen(at):  # a thread of its own sees the real time
            return shop.stripe.deliver(event, path=paths[number % 2]).status_code

    answers = together(deliver)
    assert answers == [200] * WORKERS
    assert StripeEvent.objects.count() == 1
    sweep(shop)
    assert counts() == (1, 1, 1, 1)


def test_ten_events_about_one_session_settle_it_once(shop, one_off):
    """Invariant 1: several events tell one fact, and ten workers take them up at once."""
    shop.stripe.pay(shop.order(one_off).session_id)
    event, merchant = shop.stripe.events(PAID)[0], default_merchant().pk
    for number in range(WORKERS):
        body = json.dumps({**event, "id": f"evt_{number}"}).encode()
        event_store(merchant_id=merchant, payload=body, at=shop.now)
    sweep(shop)
    assert counts() == (1, 1, 1, 1)
    assert StripeEvent.objects.filter(state="done").count() == WORKERS


def test_ten_events_about_one_session_from_elsewhere_make_one_order_and_one_account(shop, one_off, link):
    """E18, invariant 1: nothing of ours is there to be locked but the offer."""
    link(one_off, group_name="initech")
    event, merchant = shop.stripe.events(PAID)[0], default_merchant().pk
    for number in range(WORKERS):
        body = json.dumps({**event, "id": f"evt_{number}"}).encode()
        event_store(merchant_id=merchant, payload=body, at=shop.now)
    sweep(shop)
    assert counts() == (1, 1, 1, 1)
    assert Checkout.objects.count() == 1


def test_ten_purchases_of_one_prospect_at_once_are_ten_licenses(shop, one_off, prospect):
    """The first makes the prospect a customer; the others must not fail over that."""
    for _ in range(WORKERS):
        shop.stripe.pay(shop.order(one_off, account=prospect).session_id)
    shop.take_in(PAID)
    sweep(shop)
    assert counts() == (WORKERS,) * 4
    prospect.refresh_from_db()
    assert prospect.kind == "customer"


def test_a_renewal_told_ten_times_at_once_renews_once(shop, offer):
    """C28, invariant 1."""
    cycle = shop.buy(offer).subscription
    shop.stand(cycle.period_end)
    shop.stripe.advance(cycle.stripe_id)
    event, merchant = shop.stripe.events("invoice.paid")[-1], default_merchant().pk
    for number in range(WORKERS):
        body = json.dumps({**event, "id": f"evt_{number}"}).encode()
        event_store(merchant_id=merchant, payload=body, at=shop.now)
    sweep(shop)
    assert counts() == (1, 2, 2, 2)


def test_a_cap_holds_against_links_that_do_not_ask_us(shop, make_offer, link):
    """E16: units sold never exceed the cap, under parallel requests too."""
    offer = make_offer("last", type="one_off", max_license_total=2)
    for number in range(5):
        link(offer, group_name=f"group-{number}")
    shop.take_in(PAID)
    sweep(shop)
    assert counts() == (2, 2, 2, 2)
    assert StripeEvent.objects.filter(reason="sold_out").count() == 3
