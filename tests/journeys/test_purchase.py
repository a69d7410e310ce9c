"""From a storefront's order to the end of a license: HTTP, a Stripe of this machine, a mail server, moving clocks."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client

from billing.services.processing import events_sweep
from billing.services.telling import tier_changes_tell
from config.kit import clock as clocks
from history.services import reader_run, sequence
from licenses.domain.keys import KeySet
from licenses.domain.verification import verify
from notifications.services import buyer_mail
from tests.billing.conftest import make_coupon, make_offer, offer, one_off
from tests.journeys.test_trial import key_in, postbox, subjects
from tests.licenses.conftest import *  # noqa: F403 - an office that signs

__all__ = ["make_coupon", "make_offer", "offer", "one_off", "postbox"]  # fixtures
pytestmark = [pytest.mark.enable_socket, pytest.mark.django_db(transaction=True)]

YEAR = timedelta(days=365)


class Buyer:
    """A storefront and its buyer. What the product does by itself is done by `work`."""

    def __init__(self, api, stripe, clock, group) -> None:
        self.api, self.stripe, self.clock, self.group = api, stripe, clock, group
        self._told = 0

    def order(self, **wish):
        """What the storefront is answered."""
        return self.api.post("/api/v1/checkout-session", {"group": self.group, **wish})

    def buy(self, **wish):
        """Order, pay on the page, and have it worked on; the answer of the order."""
        answer = self.order(**wish)
        assert answer.status_code == 201, answer.content
        self.stripe.pay(answer.json()["session_id"], email="ann@acme.example", name="Ann Buyer")
        self.work()
        return answer.json()

    def work(self) -> None:
        """Stripe delivers what is new, the worker works, the readers follow."""
        events = self.stripe.events()
        for event in events[self._told :]:
            assert self.stripe.deliver(event).status_code == 200
        self._told = len(events)
        events_sweep(clock=clocks.now)
        sequence(at=self.clock.at)
        reader_run(buyer_mail.READER, at=self.clock.at)

    def wait(self, span: timedelta) -> None:
        self.clock.advance(span)
        self.stripe.stand(self.clock.at)

    def licenses(self):
        return self.api.get("/api/v1/licenses", account=self.group).json()["results"]

    def license(self):
        (found,) = self.licenses()
        return found

    def verdict(self, text: str):
        return self.api.post("/api/v1/licenses/validate", {"key": text, "product": "demo"}).json()

    def subscription(self) -> str:
        return self.stripe.objects("subscription")[-1]["id"]

    def paid(self) -> str:
        """The payment intent of the newest money."""
        return self.stripe.objects("payment_intent")[-1]["id"]


@pytest.fixture
def buyer(api, make_key, stripe, clock, customer, signing, postbox):
    return Buyer(api.as_(make_key("full-admin")), stripe, clock, customer.slug)


def offline(text: str, at: datetime):
    """As a deployment verifies, with the published keys alone."""
    keys = KeySet.from_jwks(Client().get("/.well-known/jwks.json").content)
    return verify(text, keys, now=at, issuer="signet", audience="demo")


def ends(row) -> datetime:
    return datetime.fromisoformat(row["expires_at"])


def a_year_after(end: datetime) -> datetime:
    """The same day of the next year, as Stripe's periods go."""
    return end.replace(year=end.year + 1)


def test_a_purchase_becomes_a_license_in_the_buyers_mail_that_verifies_offline(buyer, offer, postbox, clock):
    """E14, E17, E19: order, pay, receive, verify; delivered twice it is one license and one mail."""
    done = buyer.buy(lookup_key=offer.lookup_key, managed_products=7)
    text = key_in(postbox.accepted[-1])
    assert offline(text, clock.at).ok
    assert offline(text, clock.at).claims.seats == 7
    assert buyer.verdict(text)["ok"]
    assert buyer.api.get(f"/api/v1/checkout-session/{done['checkout']}").json()["state"] == "paid"
    for event in buyer.stripe.events():
        buyer.stripe.deliver(event)
    buyer.work()
    assert len(buyer.licenses()) == len(postbox.accepted) == 1


def test_a_paid_invoice_renews_the_same_license_and_mails_the_new_text(buyer, offer, postbox):
    """E19, C28"""
    buyer.buy(lookup_key=offer.lookup_key)
    first = buyer.license()
    buyer.wait(YEAR)
    buyer.stripe.advance(buyer.subscription())
    buyer.work()
    renewed = buyer.license()
    assert renewed["id"] == first["id"]
    assert ends(renewed) == a_year_after(ends(first))
    text = key_in(postbox.accepted[-1])
    assert len(postbox.accepted) == 2
    assert offline(text, ends(first) + timedelta(days=100)).ok


def test_an_invoice_that_fails_and_is_paid_later_leaves_the_license_whole(buyer, offer):
    """C28: past due is not the end."""
    buyer.buy(lookup_key=offer.lookup_key)
    first = buyer.license()
    buyer.wait(YEAR)
    invoice = buyer.stripe.advance(buyer.subscription(), declined=True)
    buyer.work()
    assert ends(buyer.license()) == ends(first)
    buyer.stripe.pay_invoice(invoice["id"])
    buyer.work()
    assert ends(buyer.license()) == a_year_after(ends(first))


def test_an_upgrade_is_quoted_paid_and_applied_to_the_same_license(buyer, make_offer, make_plan):
    """C29: the key string stays, the terms change when the money is there; the next cycle has the new price."""
    small = make_offer("small", plan=make_plan("small", seats=5, tier_rank=1), amount_minor=12_000)
    large = make_offer("large", plan=make_plan("large", seats=50, tier_rank=2), amount_minor=36_000)
    buyer.buy(lookup_key=small.lookup_key)
    first = buyer.license()
    path = f"/api/v1/licenses/{first['id']}"
    quote = buyer.api.post(f"{path}/tier-quote", {"lookup_key": large.lookup_key}).json()
    assert quote["direction"] == "upgrade"
    assert 23_900 <= quote["due_minor"] <= 24_000
    change = buyer.api.post(
        f"{path}/tier-changes", {"lookup_key": large.lookup_key, "expected_minor": quote["due_minor"]}
    )
    assert change.status_code == 201, change.content
    assert buyer.license()["plan"] == "small"
    session = buyer.stripe.objects("checkout.session")[-1]
    assert session["amount_total"] == quote["due_minor"]
    buyer.stripe.pay(session["id"], email="ann@acme.example", name="Ann Buyer")
    buyer.work()
    assert (buyer.license()["id"], buyer.license()["plan"]) == (first["id"], "large")
    buyer.wait(YEAR)
    tier_changes_tell(at=buyer.clock.at)
    invoice = buyer.stripe.advance(buyer.subscription())
    assert invoice["amount_paid"] == 36_000


def test_a_cancelled_subscription_keeps_its_license_to_the_end_of_what_is_paid(buyer, offer):
    """C28"""
    buyer.buy(lookup_key=offer.lookup_key)
    first = buyer.license()
    portal = buyer.api.post("/api/v1/customer-portal", {"group": buyer.group}).json()
    assert portal["url"].startswith(buyer.stripe.base)
    buyer.stripe.cancel(buyer.subscription())
    buyer.work()
    kept = buyer.license()
    assert (kept["status"], ends(kept)) == ("active", ends(first))
    buyer.wait(YEAR)
    buyer.stripe.advance(buyer.subscription())
    buyer.work()
    assert ends(buyer.license()) == ends(first)


def test_a_full_refund_revokes_and_a_part_of_it_does_not(buyer, one_off, postbox):
    """C28"""
    buyer.buy(lookup_key=one_off.lookup_key)
    text = key_in(postbox.accepted[0])
    buyer.stripe.refund(buyer.paid(), amount=100)
    buyer.work()
    assert buyer.verdict(text)["ok"]
    buyer.stripe.refund(buyer.paid())
    buyer.work()
    assert buyer.verdict(text)["reason"] == "revoked"
    assert any("refund" in subject.lower() for subject in subjects(postbox))


@pytest.mark.parametrize(("outcome", "status"), [("won", "active"), ("lost", "revoked")])
def test_a_dispute_suspends_and_its_end_decides(buyer, one_off, postbox, outcome, status):
    """C28: won brings the license back, lost ends it."""
    buyer.buy(lookup_key=one_off.lookup_key)
    text = key_in(postbox.accepted[0])
    dispute = buyer.stripe.dispute(buyer.paid())
    buyer.work()
    assert buyer.license()["status"] == "suspended"
    assert not buyer.verdict(text)["ok"]
    buyer.stripe.close_dispute(dispute["id"], outcome)
    buyer.work()
    assert buyer.license()["status"] == status
    assert buyer.verdict(text)["ok"] is (status == "active")


def test_an_inquiry_of_a_bank_does_nothing(buyer, one_off):
    """C28"""
    buyer.buy(lookup_key=one_off.lookup_key)
    buyer.stripe.dispute(buyer.paid(), status="warning_needs_response")
    buyer.work()
    assert buyer.license()["status"] == "active"


def test_money_that_comes_later_makes_the_license_then(buyer, one_off):
    """C27: a completed session can still be unpaid."""
    session = buyer.order(lookup_key=one_off.lookup_key).json()["session_id"]
    buyer.stripe.pay(session, how="bank")
    buyer.work()
    assert buyer.licenses() == []
    buyer.stripe.money_arrives(session)
    buyer.work()
    assert buyer.license()["status"] == "active"


def test_the_last_slot_of_a_coupon_is_held_by_an_order_and_freed_when_it_expires(buyer, one_off, make_coupon):
    """C26: reserved with the order, released with its session, redeemed with its payment."""
    make_coupon("LAST", offers=[one_off], max_total=1)
    wish = {"lookup_key": one_off.lookup_key, "coupon": "LAST"}
    held = buyer.order(**wish).json()
    refused = buyer.order(**wish)
    assert (refused.status_code, refused.json()["code"]) == (400, "coupon_refused")
    buyer.stripe.expire(held["session_id"])
    buyer.work()
    bought = buyer.buy(**wish)
    assert bought["amount_minor"] == one_off.amount_minor * 80 // 100
    assert buyer.license()["status"] == "active"
    assert buyer.order(**wish).status_code == 400
