"""A paid session becomes licenses, once (E11, E18, E19, E24, C27)."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from accounts.models import Account
from billing.models import Checkout, Fulfilment, Payment, StripeEvent
from billing.parked import Unpaid
from billing.services.settling import is_counted, payment_settle
from billing.services.syncing import catalogue_sync
from history.models import Event
from history.services import reader_run, sequence
from licenses.models import Issuance, License
from tests.billing.buying import kinds, states

pytestmark = pytest.mark.django_db

PAID = "checkout.session.completed"


def test_a_purchase_becomes_one_signed_license_of_the_group(shop, one_off, customer, at):
    """E19: issues, persists; origin and channel say that Stripe's webhook caused it."""
    payment = shop.buy(one_off)
    license_ = License.objects.get()
    assert (license_.account, license_.origin, license_.plan_code) == (customer, "stripe", "enterprise")
    assert license_.expires_at == at + timedelta(days=365)
    issuance = Issuance.objects.get()
    assert (issuance.channel, issuance.license, payment.fulfilments.get().issuance) == (
        "webhook",
        license_,
        issuance,
    )
    checkout = Checkout.objects.get()
    assert (checkout.state, checkout.ended_at) == ("paid", at)
    assert (payment.amount_minor, payment.currency, payment.state) == (9_900, "eur", "settled")
    assert kinds("payment.") == ["payment.settled"]
    assert states()[PAID] == ("done", "")


@pytest.mark.parametrize("seats", [1, 7])
def test_the_seats_bought_are_in_the_signed_payload_the_row_and_the_metadata(shop, make_offer, seats):
    """E24: the same number everywhere."""
    offer = make_offer("team", type="one_off", per_unit=True, max_managed_products=10)
    payment = shop.buy(offer, managed_products=seats)
    claims = Issuance.objects.get().claims
    session = next(s for s in shop.stripe.objects("checkout.session"))
    assert (
        claims["seats"]
        == License.objects.get().seats
        == int(session["metadata"]["managed_products"])
        == seats
    )
    assert payment.amount_minor == 9_900 * seats


def test_a_delivery_that_is_repeated_issues_nothing_more(shop, one_off):
    """E19: replays of the same event id or session."""
    shop.buy(one_off)
    for event in shop.stripe.events(PAID):
        assert shop.stripe.deliver(event).status_code == 200
        assert shop.stripe.deliver({**event, "id": "evt_another"}).status_code == 200
    shop.sweep()
    counts = (License.objects.count(), Issuance.objects.count(), Payment.objects.count())
    assert counts == (1, 1, 1)
    assert kinds("payment.") == ["payment.settled"]


@pytest.mark.parametrize("version", ["2020-08-27", "2024-06-20", "2025-03-31.basil", "thin"])
def test_every_shape_of_the_event_leads_to_the_same_license(shop, one_off, version):
    """Trust, Stripe: shapes change with the API version."""
    checkout = shop.order(one_off)
    shop.stripe.pay(checkout.session_id)
    for event in shop.stripe.events(version=version):
        assert shop.stripe.deliver(event).status_code == 200
    shop.sweep()
    assert License.objects.count() == 1


def test_a_notice_alone_issues_nothing(shop, one_off):
    """C27: the provider itself must report it paid first."""
    checkout = shop.order(one_off)
    shop.stripe.pay(checkout.session_id)
    event = shop.stripe.events(PAID)[0]
    other = shop.order(one_off)
    forged = {**event, "id": "evt_forged"}
    forged["data"] = {"object": {**event["data"]["object"], "id": other.session_id}}
    assert shop.stripe.deliver(forged).status_code == 200
    shop.sweep()
    assert License.objects.count() == 0
    with pytest.raises(Unpaid):
        payment_settle(merchant=other.merchant, session=session_of(other), actor="cli:test", at=shop.now)


def test_money_that_takes_its_time_is_waited_for(shop, one_off):
    """Trust, Stripe: a completed session can still be unpaid."""
    checkout = shop.order(one_off)
    shop.stripe.pay(checkout.session_id, how="bank")
    shop.work()
    assert (License.objects.count(), Checkout.objects.get().state) == (0, "processing")
    shop.wait(days=3)
    shop.stripe.money_arrives(checkout.session_id)
    shop.work()
    assert (License.objects.count(), Checkout.objects.get().state) == (1, "paid")


def test_money_that_does_not_come_frees_the_order(shop, one_off):
    checkout = shop.order(one_off)
    shop.stripe.pay(checkout.session_id, how="bank")
    shop.stripe.money_arrives(checkout.session_id, arrives=False)
    shop.work()
    assert (License.objects.count(), Checkout.objects.get().state) == (0, "failed")


def test_a_session_that_expires_frees_the_order(shop, one_off):
    """C26: released on expiry."""
    shop.stripe.expire(shop.order(one_off).session_id)
    shop.work()
    assert Checkout.objects.get().state == "expired"


def test_another_amount_than_quoted_is_delivered_and_reported(shop, one_off):
    """C27: a paid amount that differs writes an audit warning."""
    checkout = shop.order(one_off)
    Checkout.objects.update(amount_minor=12_300)
    shop.stripe.pay(checkout.session_id)
    shop.work()
    assert License.objects.count() == 1
    assert kinds("payment.") == ["payment.settled", "payment.mismatched"]
    assert Event.objects.get(kind="payment.mismatched").data["expected_minor"] == 12_300


def test_a_coupon_is_used_up_when_the_money_is_there(shop, one_off, make_coupon):
    """C26: redeemed on settle."""
    make_coupon("SPRING", offers=[one_off], max_total=1)
    payment = shop.buy(one_off, coupon="SPRING")
    assert payment.amount_minor == 7_920
    assert Checkout.objects.get().redemption.state == "redeemed"


def test_a_bundle_becomes_a_license_for_each_component_and_quantity(shop, make_offer, make_plan):
    """E11: one license per component and quantity."""
    collector, relay = make_plan("collector", collectors=1), make_plan("relay", nodes=2)
    items = [{"plan": collector, "quantity": 2, "managed_products": 3}, {"plan": relay, "quantity": 1}]
    payment = shop.buy(make_offer("suite", type="one_off", plan=None, items=items))
    bought = [row.license for row in payment.fulfilments.order_by("position")]
    assert sorted((row.plan_code, row.seats) for row in bought) == [
        ("collector", 3),
        ("collector", 3),
        ("relay", 0),
    ]
    assert Issuance.objects.filter(channel="webhook").count() == 3
    assert Fulfilment.objects.count() == 3


def test_a_subscription_begins_with_the_period_that_was_paid(shop, offer):
    """C28: price and period are frozen at start; the license lasts to the period's end."""
    payment = shop.buy(offer)
    cycle = payment.subscription
    assert (cycle.amount_minor, cycle.interval, cycle.state) == (9_900, "year", "active")
    assert cycle.license.expires_at == cycle.period_end == payment.period_end
    assert (payment.invoice_ref[:3], payment.intent_ref[:3]) == ("in_", "pi_")
    assert kinds("subscription.") == ["subscription.started"]


def test_a_prospect_who_buys_becomes_a_customer(shop, one_off, prospect):
    shop.buy(one_off, account=prospect)
    prospect.refresh_from_db()
    assert prospect.kind == Account.Kind.CUSTOMER


def test_a_purchase_converts_the_trial_of_its_account(shop, one_off, running):
    """A19: the reader of trials sees the new license in history."""
    payment = shop.buy(one_off, account=running.account)
    sequence(at=shop.now)
    reader_run("trials", at=shop.now)
    running.refresh_from_db()
    assert (running.outcome, running.converted_by) == ("converted", payment.fulfilments.get().license)


# --- sessions opened elsewhere --------------------------------------------------------------------


def test_a_payment_link_needs_the_name_of_a_group(shop, one_off, link):
    """E18: without it no license is issued, and the event is parked; set at Stripe and run again, it is."""
    session = link(one_off)
    shop.work()
    assert (License.objects.count(), states()[PAID]) == (0, ("parked", "group_missing"))
    assert kinds("stripe_event.") == ["stripe_event.parked"]
    again = link(one_off, group_name="Initech GmbH", organization_name="Initech")
    shop.work()
    account = License.objects.get().account
    assert (account.slug, account.name, account.kind) == ("initech-gmbh", "Initech", "customer")
    assert again["id"] != session["id"]


def test_without_that_rule_a_new_customer_gets_an_account(shop, one_off, link, settings):
    """E18: `require_group_name` is a setting."""
    settings.REQUIRE_GROUP_NAME = False
    link(one_off)
    shop.work()
    account = License.objects.get().account
    assert (account.name, account.email, account.kind) == ("Ada Buyer", "buyer@initech.example", "customer")


def test_a_named_group_that_exists_gets_the_license(shop, one_off, link, customer):
    link(one_off, group_name=customer.slug)
    shop.work()
    assert License.objects.get().account == customer
    assert Checkout.objects.get().state_reason == ""


@pytest.mark.parametrize(("name", "reason"), [("  ", "group_missing"), ("!!!", "group_invalid")])
def test_a_group_that_cannot_be_one_is_parked(shop, one_off, link, name, reason):
    """E18."""
    link(one_off, group_name=name)
    shop.work()
    assert states()[PAID] == ("parked", reason)


def test_what_is_no_offer_of_ours_is_parked(shop, one_off, link):
    link(one_off, group_name="acme", lookup_key="something-else")
    shop.work()
    assert states()[PAID] == ("parked", "offer_unknown")


def test_a_link_cannot_sell_more_than_there_is(shop, make_offer, link):
    """E16: units sold never exceed the cap; staff raise it or refund."""
    offer = make_offer("last", type="one_off", max_license_total=1)
    shop.buy(offer)
    link(offer, group_name="initech")
    shop.work()
    assert License.objects.count() == 1
    assert StripeEvent.objects.filter(state="parked", reason="sold_out").count() == 1


def test_a_buyer_cannot_take_an_order_of_ours_for_a_cheaper_link(shop, make_offer, link, customer):
    """C27: `client_reference_id` is what a buyer may write into the address of a payment link."""
    dear = shop.order(make_offer("dear", type="one_off", amount_minor=900_000))
    Checkout.objects.update(session_id="", state="reserved")
    cheap = make_offer("cheap", type="one_off", amount_minor=100)
    link(cheap, client_reference_id=str(dear.uid), group_name=customer.slug)
    shop.work()
    dear.refresh_from_db()
    assert dear.state == "reserved"
    assert Payment.objects.get().offer == cheap


# --- helpers --------------------------------------------------------------------------------------


def session_of(checkout):
    from billing import gateway

    return gateway.session_read(checkout.merchant, checkout.session_id)


# --- figures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("synced", [True, False])
def test_a_cycle_with_a_coupon_for_ever_is_frozen_at_what_it_costs(shop, offer, make_coupon, synced):
    """C28, D4: Stripe's own price is the one before the discount that it takes off each time."""
    make_coupon("EVER", offers=[offer], percent_bps=2_500, duration="forever")
    if synced:
        catalogue_sync(actor="cli:test", at=shop.now)
    cycle = shop.buy(offer, coupon="EVER").subscription
    assert bool(Checkout.objects.get().params.get("discounts")) is synced
    assert cycle.amount_minor == 7_425
    shop.stand(cycle.period_end)
    shop.stripe.advance(cycle.stripe_id)
    shop.work()
    assert Payment.objects.get(source="invoice").expected_minor == 7_425
    assert "payment.mismatched" not in kinds("payment.")


@pytest.mark.parametrize(
    ("about", "counts"), [({}, True), ({"internal": True}, False), ({"kind": "test"}, False)]
)
def test_money_for_an_internal_or_test_license_stands_in_no_figure(
    one_off, customer, make_license, make_checkout, about, counts
):
    """D4: also when maintenance or a change of plan is paid."""
    order = make_checkout(one_off, purpose="maintenance", license=make_license(**about))
    session = SimpleNamespace(livemode=True)
    assert is_counted(session, customer, order) is counts
