"""Reservations that nobody paid, against Stripe's stand-in (C26, C27)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing.models import Checkout, Payment
from billing.order_errors import CheckoutEnded
from billing.selectors.catalogue import coupon_slots_taken, offer_units_held
from billing.services import reaping
from billing.services.checkouts import checkout_open, checkout_present
from billing.services.reaping import checkout_expire, checkouts_reap
from billing.services.reservations import Wish, checkout_reserve
from config.kit.errors import Refusal
from history.models import Event
from licenses.models import License
from tests.billing.shop import merchant, state_of

__all__ = ["merchant"]  # a fixture
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "stripe", "merchant")]

SOON, LATER = timedelta(minutes=29), timedelta(minutes=31)
BY = {"actor": "cli:test"}


@pytest.fixture
def order(make_offer, make_coupon, customer, at):
    """The last unit of an offer with the last slot of a coupon, open at Stripe."""
    offer = make_offer("rare", type="one_off", max_license_total=1)
    make_coupon("LAST", offers=[offer], max_total=1)
    wish = Wish(lookup_key=offer.lookup_key, coupon="LAST")
    return checkout_open(wish=wish, account=customer, at=at, **BY)


@pytest.fixture
def unasked(offer, customer, at):
    """A reservation whose caller died before Stripe was asked."""
    return checkout_reserve(wish=Wish(lookup_key=offer.lookup_key), account=customer, at=at, **BY)


def status(stripe) -> list[str]:
    return [session["status"] for session in stripe.objects("checkout.session")]


def test_a_reservation_of_thirty_minutes_is_ended_at_stripe_and_freed(order, stripe, at):
    """C26."""
    assert checkouts_reap(at=at + SOON) == 0
    assert (status(stripe), offer_units_held(order.offer)) == (["open"], 1)
    assert checkouts_reap(at=at + LATER) == 1
    assert status(stripe) == ["expired"]
    assert state_of(order.uid) == ("expired", "released")
    assert (offer_units_held(order.offer), coupon_slots_taken(order.coupon)) == (0, 0)
    event = Event.objects.get(kind="checkout.ended")
    assert (event.data["reason"], event.actor) == ("expired", "system:checkouts")
    assert checkouts_reap(at=at + LATER) == 0


def test_a_session_found_paid_is_settled_instead(order, stripe, at, signing):
    """C27: the notice never came; the license does."""
    stripe.pay(order.session_id, email="ann@acme.example")
    assert checkouts_reap(at=at + LATER) == 1
    assert state_of(order.uid) == ("paid", "redeemed")
    assert Payment.objects.get().reference == order.session_id
    assert License.objects.count() == 1
    assert not Event.objects.filter(kind="checkout.ended").exists()


def test_money_on_its_way_keeps_what_it_holds(order, stripe, at, signing):
    """A completed session that is not paid yet is looked at again, and settled when the money came."""
    stripe.pay(order.session_id, email="ann@acme.example", how="bank")
    assert checkouts_reap(at=at + LATER) == 0
    assert state_of(order.uid) == ("processing", "reserved")
    assert checkouts_reap(at=at + 2 * LATER) == 0
    stripe.money_arrives(order.session_id)
    assert checkouts_reap(at=at + timedelta(hours=7)) == 1
    assert state_of(order.uid) == ("paid", "redeemed")


def test_money_that_never_arrives_frees_what_was_held(order, stripe, at):
    stripe.pay(order.session_id, email="ann@acme.example", how="bank")
    checkouts_reap(at=at + LATER)
    stripe.money_arrives(order.session_id, arrives=False)
    assert checkouts_reap(at=at + timedelta(hours=7)) == 1
    assert state_of(order.uid) == ("failed", "released")


def test_nothing_is_freed_while_stripe_does_not_answer(order, stripe, at):
    """The session might be paid this moment; it is looked at again five minutes later."""
    stripe.fail_next("/v1/", 500, times=10)
    assert checkouts_reap(at=at + LATER) == 0
    assert state_of(order.uid) == ("open", "reserved")
    assert Checkout.objects.get().expires_at == at + LATER + timedelta(minutes=5)


def test_a_session_whose_answer_was_lost_is_found_and_ended(unasked, stripe, at):
    """The same idempotency key gives the session that Stripe had made; only then is it free."""
    stripe.fail_next("/v1/checkout/sessions", 0, times=2, after=True)
    with pytest.raises(Refusal, match="does not answer"):
        checkout_present(checkout=unasked, at=at)
    assert (status(stripe), state_of(unasked.uid)) == (["open"], ("reserved", None))
    assert checkouts_reap(at=at + LATER) == 1
    assert (status(stripe), state_of(unasked.uid)) == (["expired"], ("expired", None))


def test_a_session_whose_answer_was_lost_and_that_was_paid_is_settled(unasked, stripe, at, signing):
    """One paid thing, one license: even when we never learnt its id."""
    stripe.fail_next("/v1/checkout/sessions", 0, times=2, after=True)
    with pytest.raises(Refusal, match="does not answer"):
        checkout_present(checkout=unasked, at=at)
    (session,) = stripe.objects("checkout.session")
    stripe.pay(session["id"], email="ann@acme.example")
    assert checkouts_reap(at=at + LATER) == 1
    assert (state_of(unasked.uid), License.objects.count()) == (("paid", None), 1)


def test_a_reservation_that_never_reached_stripe_is_freed(unasked, stripe, at):
    assert checkouts_reap(at=at + LATER) == 1
    assert state_of(unasked.uid) == ("expired", None)
    assert "open" not in status(stripe)


def test_one_that_cannot_be_ended_holds_up_no_other(unasked, order, stripe, at):
    """Each is decided by itself."""
    Checkout.objects.filter(pk=unasked.pk).update(expires_at=at)
    stripe.fail_next(f"/v1/checkout/sessions/{order.session_id}", 500, times=10)
    Checkout.objects.filter(pk=order.pk).update(expires_at=at - SOON)
    assert checkouts_reap(at=at + LATER) == 1
    assert [state_of(row.uid)[0] for row in (order, unasked)] == ["open", "expired"]


def test_a_fault_of_ours_about_one_order_holds_up_no_other(unasked, order, stripe, at, monkeypatch):
    """C26: the oldest is looked at first, every five minutes, for ever."""
    Checkout.objects.filter(pk=order.pk).update(expires_at=at - SOON)
    ended = reaping.checkout_expire

    def broken(*, checkout, **by):
        if checkout.pk == order.pk:
            raise ZeroDivisionError
        return ended(checkout=checkout, **by)

    monkeypatch.setattr(reaping, "checkout_expire", broken)
    assert checkouts_reap(at=at + LATER) == 1
    assert state_of(unasked.uid)[0] == "expired"
    assert Checkout.objects.get(pk=order.pk).expires_at > at + LATER


def test_an_order_that_is_over_is_not_taken_back_again(order, at):
    checkout_expire(checkout=order, at=at, **BY)
    with pytest.raises(CheckoutEnded):
        checkout_expire(checkout=order, at=at, **BY)


def test_who_comes_back_after_the_reaper_is_told_so(unasked, at):
    """The reservation is gone: another one is to be made."""
    stale = Checkout.objects.select_related("merchant").get(pk=unasked.pk)
    checkouts_reap(at=at + LATER)
    with pytest.raises(CheckoutEnded):
        checkout_present(checkout=stale, at=at + LATER)
