"""Buyers, reapers and settlements at once, on PostgreSQL: each caller has transactions of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection

from billing import gateway
from billing.models import Checkout, Payment, Redemption, TierChange
from billing.selectors.catalogue import coupon_slots_taken, offer_units_held
from billing.services.checkouts import checkout_open, checkout_present
from billing.services.reaping import checkout_expire, checkouts_reap
from billing.services.reservations import Wish, checkout_reserve
from billing.services.settling import payment_settle
from billing.services.tier_orders import tier_change_force
from config.kit.clock import now
from history.models import Event
from licenses.models import Issuance, License
from tests.billing.shop import URL, merchant
from tests.conftest import Api
from tests.licenses.services.test_concurrency import together

__all__ = ["merchant"]  # a fixture
pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

CALLS, ORDERS = 12, 12
BY = {"actor": "cli:test"}
LATER = timedelta(minutes=31)


@pytest.fixture
def at():
    """The present: other threads and processes read the real clock."""
    return now().replace(microsecond=0)


@pytest.fixture(autouse=True)
def office(stripe, merchant, signing):
    """An office that sells and signs."""


@pytest.fixture
def buyers(make_account, make_key) -> list[Api]:
    """Storefronts of as many groups."""
    groups = [make_account(f"Group {number}", kind="customer") for number in range(CALLS)]
    return [Api(make_key("license-issuer", account=group)) for group in groups]


def ask(buyer: Api, body: Any, **more: Any) -> Callable[[], tuple[int, str]]:
    def post() -> tuple[int, str]:
        answer = buyer.post(URL, body, **more)
        return answer.status_code, answer.json().get("code", "")

    return post


def test_the_last_unit_is_sold_to_one_of_many(buyers, make_offer, stripe):
    """E16."""
    offer = make_offer("rare", type="one_off", max_license_total=1)
    done = Counter(together([ask(buyer, {"lookup_key": offer.lookup_key}) for buyer in buyers]))
    assert done == {(201, ""): 1, (409, "sold_out"): CALLS - 1}
    assert offer_units_held(offer) == Checkout.objects.count() == len(stripe.objects("checkout.session")) == 1


def test_the_last_slot_of_a_coupon_goes_to_one_of_many(buyers, make_offer, make_coupon):
    """C26: for two offers at once, so that no lock of the offer helps."""
    offers = [make_offer(slug, type="one_off") for slug in ("one", "two")]
    coupon = make_coupon("LAST", offers=offers, max_total=1)
    bodies = [
        {"lookup_key": offers[number % 2].lookup_key, "coupon": "LAST"} for number in range(len(buyers))
    ]
    done = Counter(together([ask(buyer, body) for buyer, body in zip(buyers, bodies, strict=True)]))
    assert done == {(201, ""): 1, (400, "coupon_refused"): CALLS - 1}
    assert coupon_slots_taken(coupon) == Checkout.objects.count() == Redemption.objects.count() == 1


def test_one_idempotency_key_sent_many_times_is_one_order(buyers, one_off, stripe):
    """Whoever comes while the first call runs is told so, or gets its answer."""
    body = {"lookup_key": one_off.lookup_key}
    done = together([ask(buyers[0], body, key="order")] * CALLS)
    assert {status for status, _ in done} <= {201, 409, 503}
    assert {code for _, code in done} <= {"", "idempotency_in_progress", "stripe_unavailable"}
    again = buyers[0].post(URL, body, key="order")
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    (session,) = stripe.objects("checkout.session")
    row = Checkout.objects.get()
    assert (row.session_id, row.state) == (again.json()["session_id"], "open") == (session["id"], "open")


@pytest.fixture
def orders(one_off, customer, at):
    """Orders that are open at Stripe."""
    wish = Wish(lookup_key=one_off.lookup_key)
    return [checkout_open(wish=wish, account=customer, at=at, **BY) for _ in range(ORDERS)]


def consistent(stripe) -> Counter[str]:
    """Each order: paid, with one payment and one license; or given up, with a session that nobody can pay."""
    status = {session["id"]: session for session in stripe.objects("checkout.session")}
    for row in Checkout.objects.all():
        session = status[row.session_id]
        payments = Payment.objects.filter(reference=row.session_id).count()
        if row.state == "paid":
            assert (session["payment_status"], payments) == ("paid", 1)
        else:
            assert (row.state, session["status"], payments) == ("expired", "expired", 0)
    paid = Checkout.objects.filter(state="paid").count()
    assert License.objects.count() == Issuance.objects.count() == paid
    assert Event.objects.filter(kind="checkout.ended").count() == Checkout.objects.count() - paid
    return Counter(Checkout.objects.values_list("state", flat=True))


def pays(stripe, merchant, order, at) -> Callable[[], str]:
    """A buyer who pays this moment, and the webhook that tells of it; the page may be gone."""

    def pay() -> str:
        from tests.stripe_double.driver import Refusal

        try:
            stripe.pay(order.session_id, email="ann@acme.example")
        except Refusal:
            return "gone"
        facts = gateway.session_read(merchant, order.session_id)
        return payment_settle(merchant=merchant, session=facts, at=at, **BY).state

    return pay


def test_reapers_and_buyers_agree_on_every_order(orders, stripe, merchant, at):
    """C26, C27: whoever is first, nobody pays for nothing and nothing is held for nobody."""
    reapers = [lambda: str(checkouts_reap(at=at + LATER))] * 3
    together([*(pays(stripe, merchant, order, at) for order in orders), *reapers])
    checkouts_reap(at=at + 2 * LATER)
    assert set(consistent(stripe)) <= {"paid", "expired"}


def test_staff_and_the_reaper_take_an_order_back_once(orders, stripe, at):
    calls = [lambda order=order: checkout_expire(checkout=order, at=at, **BY).state for order in orders] * 2
    together([*calls, lambda: str(checkouts_reap(at=at + LATER))])
    assert consistent(stripe) == {"expired": ORDERS}


def test_a_session_that_is_settled_from_many_sides_is_one_license(orders, stripe, merchant, at):
    """E19, trust 1."""
    for order in orders[:3]:
        stripe.pay(order.session_id, email="ann@acme.example")
    sides = [
        lambda order=order: (
            payment_settle(
                merchant=merchant, session=gateway.session_read(merchant, order.session_id), at=at, **BY
            ).reference
        )
        for order in orders[:3]
    ]
    together([*sides * 4, *[lambda: str(checkouts_reap(at=at + LATER))] * 2])
    checkouts_reap(at=at + 2 * LATER)
    assert consistent(stripe) == {"paid": 3, "expired": ORDERS - 3}


def test_a_license_changes_its_tier_once(make_license, make_plan, at):
    """C29: two members of staff at once; the second finds the first one's plan."""
    big = make_plan("big", tier_rank=20)
    row = make_license()
    done = Counter(together([lambda: tier_change_force(license=row, plan=big, at=at, **BY).state] * CALLS))
    assert done == {"applied": 1, "tier_change_refused": CALLS - 1}
    assert TierChange.objects.count() == Event.objects.filter(kind="tier_change.applied").count() == 1


# --- processes --------------------------------------------------------------------------------------

PROCESS = """
import json, sys
import django
django.setup()
from billing import gateway
from billing.models import Checkout
from billing.services.checkouts import checkout_present
from billing.services.settling import payment_settle
from config.kit.clock import now
row = Checkout.objects.select_related("merchant").get(pk=int(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
if sys.argv[2] == "present":
    print(json.dumps(checkout_present(checkout=row, at=now()).session_id))
else:
    facts = gateway.session_read(row.merchant, row.session_id)
    print(json.dumps(payment_settle(merchant=row.merchant, session=facts, actor="cli:test", at=now()).pk))
"""


def in_processes(order: Checkout, what: str, number: int = 2) -> list[Any]:
    """What as many processes say that begin at once."""
    name, url = connection.settings_dict["NAME"], os.environ["SIGNET_DATABASE_URL"]
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings_test",
        "SIGNET_DATABASE_URL": f"{url.rpartition('/')[0]}/{name}",
        "SIGNET_STRIPE_API_BASE": django_settings.STRIPE_API_BASE,
        "SIGNET_STRIPE_API_KEY": django_settings.STRIPE_API_KEY,
    }
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": env}
    started = [
        subprocess.Popen([sys.executable, "-c", PROCESS, str(order.pk), what], **pipes) for _ in range(number)
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    return [json.loads(process.communicate(timeout=120)[0]) for process in started]


@pytest.mark.stress
def test_two_processes_on_one_order_get_one_session_and_one_license(one_off, customer, stripe, at):
    """trust: same session, two processes."""
    wish = Wish(lookup_key=one_off.lookup_key)
    order = checkout_reserve(wish=wish, account=customer, at=at, **BY)
    sessions = in_processes(order, "present")
    assert len(set(sessions)) == len(stripe.objects("checkout.session")) == 1
    stripe.pay(sessions[0], email="ann@acme.example")
    assert len(set(in_processes(order, "settle"))) == 1
    assert consistent(stripe) == {"paid": 1}
    again = checkout_present(checkout=Checkout.objects.get(), at=at)
    assert again.session_id == sessions[0]
