"""Cycles of payments renew the same license, follow Stripe, and end with what was paid (C28, E19)."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from billing import gateway
from billing.models import Offer, Payment, StripeEvent, Subscription, TierChange
from billing.selectors.catalogue import default_merchant
from billing.services import subscriptions
from billing.services.inbox import event_rerun
from billing.services.reconciling import reconcile
from billing.services.subscriptions import subscription_sync, subscriptions_lapse
from billing.services.telling import tier_changes_tell
from billing.services.tier_orders import tier_change_begin
from history.models import Event
from licenses.models import Issuance, License
from licenses.services.lifecycle import license_reinstate, license_revoke, license_suspend
from tests.billing.buying import kinds, states

pytestmark = pytest.mark.django_db

ACTOR = "cli:test"


@pytest.fixture
def cycle(shop, offer):
    """A subscription that has just begun."""
    return shop.buy(offer).subscription


def next_year(shop, cycle, **how):
    """The end of the period: Stripe draws the next one."""
    shop.stand(cycle.period_end)
    return shop.stripe.advance(cycle.stripe_id, **how)


def test_a_paid_invoice_renews_the_same_license(shop, cycle):
    """E19, C28: later invoice payments renew the same license, to the end of the paid period."""
    next_year(shop, cycle)
    shop.work()
    cycle.refresh_from_db()
    license_ = License.objects.get()
    assert license_.expires_at == cycle.period_end > shop.now + timedelta(days=360)
    assert [row.cause for row in Issuance.objects.order_by("pk")] == ["issue", "renew"]
    renewal = Payment.objects.get(source="invoice")
    assert (renewal.amount_minor, renewal.subscription, renewal.period_end) == (
        9_900,
        cycle,
        cycle.period_end,
    )
    assert renewal.fulfilments.get().issuance == Issuance.objects.latest("pk")


@pytest.fixture
def downgraded(shop, make_offer, make_plan):
    """A subscription at 300 euro that goes down to 100 with its next invoice; Stripe knows."""
    low, top = make_plan("low", tier_rank=10), make_plan("top", tier_rank=20)
    wanted = make_offer("low", plan=low, amount_minor=10_000)
    cycle = shop.buy(make_offer("top", plan=top, amount_minor=30_000)).subscription
    tier_change_begin(license=License.objects.get(), offer=wanted, actor=ACTOR, at=shop.now)
    tier_changes_tell(at=shop.now)
    return cycle


def test_the_invoice_of_a_downgrade_is_one_of_the_new_offer(shop, downgraded):
    """C29, E30: it was drawn at the new price, so nothing about it is amiss, and reports show the new offer."""
    next_year(shop, downgraded)
    shop.work()
    renewal = Payment.objects.get(source="invoice")
    assert (renewal.offer.slug, renewal.amount_minor, renewal.expected_minor) == ("low", 10_000, 10_000)
    assert License.objects.get().plan_code == "low"
    assert "payment.mismatched" not in kinds("payment.")


def test_an_invoice_of_a_revoked_license_changes_no_tier(shop, downgraded):
    """C29: the payment is kept and a person looks at it."""
    license_revoke(license=License.objects.get(), reason="Fraud", actor=ACTOR, at=shop.now)
    next_year(shop, downgraded)
    shop.work()
    assert states()["invoice.paid"] == ("parked", "license_ended")
    assert (License.objects.get().plan_code, TierChange.objects.get().state) == ("top", "scheduled")


def test_several_events_tell_one_fact(shop, cycle):
    """Trust, Stripe: invoice.paid and invoice.payment_succeeded renew once."""
    next_year(shop, cycle)
    shop.work()
    for event in shop.stripe.events("invoice.paid")[1:]:
        again = {**event, "id": f"{event['id']}x", "type": "invoice.payment_succeeded"}
        assert shop.stripe.deliver(again).status_code == 200
    shop.sweep()
    assert (Issuance.objects.count(), Payment.objects.count()) == (2, 2)


def test_an_invoice_that_comes_before_its_session_settles_that_first(shop, offer):
    """Trust, Stripe: unordered."""
    checkout = shop.order(offer)
    shop.stripe.pay(checkout.session_id)
    shop.take_in("invoice.paid")
    shop.sweep()
    assert (License.objects.count(), Payment.objects.get().reference) == (1, checkout.session_id)


def test_the_second_invoice_may_come_before_everything_else(shop, offer):
    checkout = shop.order(offer)
    shop.stripe.pay(checkout.session_id)
    subscription = shop.stripe.objects("subscription")[0]
    shop.wait(days=365)
    shop.stripe.advance(subscription["id"])
    shop.stripe.deliver(shop.stripe.events("invoice.paid")[-1])
    shop.sweep()
    assert Payment.objects.count() == 2
    assert License.objects.get().expires_at == Subscription.objects.get().period_end
    shop.work()
    assert (Payment.objects.count(), License.objects.count()) == (2, 1)


def test_an_invoice_that_fails_makes_the_cycle_past_due_and_it_lapses_after_the_grace(shop, cycle):
    """C28: active, past_due, lapsed after the billing grace; the license ends with what was paid."""
    next_year(shop, cycle, declined=True)
    shop.work()
    cycle.refresh_from_db()
    assert (cycle.state, cycle.past_due_since) == ("past_due", shop.now)
    assert kinds("payment.") == ["payment.settled", "payment.failed"]
    week = shop.now + timedelta(days=7)
    assert subscriptions_lapse(actor=ACTOR, at=week - timedelta(seconds=1)) == 0
    assert (subscriptions_lapse(actor=ACTOR, at=week), subscriptions_lapse(actor=ACTOR, at=week)) == (1, 0)
    cycle.refresh_from_db()
    assert cycle.state == "lapsed"
    assert License.objects.get().expires_at == shop.now


def test_those_with_a_longer_grace_keep_no_other_from_lapsing(shop, cycle, monkeypatch):
    """C28: however many wait before it."""
    Subscription.objects.filter(pk=cycle.pk).update(state="past_due", past_due_since=shop.now)
    for number in range(3):
        cycle.pk, cycle.checkout, cycle.state = None, None, "past_due"
        cycle.stripe_id, cycle.past_due_since = f"sub_{number}", shop.now - timedelta(days=10 * (number == 2))
        cycle.save(force_insert=True)
    monkeypatch.setattr(subscriptions, "BATCH", 2)
    assert subscriptions_lapse(actor=ACTOR, at=shop.now) == 1
    assert Subscription.objects.get(state="lapsed").stripe_id == "sub_2"


def test_an_invoice_paid_after_all_makes_it_active_again(shop, cycle):
    invoice = next_year(shop, cycle, declined=True)
    shop.work()
    subscriptions_lapse(actor=ACTOR, at=shop.now + timedelta(days=8))
    shop.stripe.pay_invoice(invoice["id"])
    shop.work()
    cycle.refresh_from_db()
    assert (cycle.state, cycle.past_due_since) == ("active", None)
    assert License.objects.get().expires_at == cycle.period_end


def test_a_cancelled_cycle_keeps_the_license_to_the_end_of_what_was_paid(shop, cycle):
    """C28."""
    end = cycle.period_end
    shop.stripe.cancel(cycle.stripe_id)
    shop.work()
    cycle.refresh_from_db()
    assert (cycle.state, cycle.cancel_at_period_end, cycle.ended_at) == ("cancelled", True, None)
    assert (License.objects.get().status, License.objects.get().expires_at) == ("active", end)
    assert kinds("subscription.") == ["subscription.started", "subscription.changed"]


def test_an_older_event_never_overwrites_newer_state(shop, cycle):
    """C28, invariant 8: whatever comes in which order, the row is as Stripe has it now."""
    shop.stripe.cancel(cycle.stripe_id, now=True)
    older = shop.stripe.events("customer.subscription.created")[0]
    shop.work()
    shop.stripe.deliver({**older, "id": "evt_late", "type": "customer.subscription.updated"})
    shop.sweep()
    cycle.refresh_from_db()
    assert cycle.state == "cancelled"


def test_who_read_stripe_before_the_last_write_reads_it_again(shop, cycle, monkeypatch):
    """Invariant 8: the revision tells that a reading is out of date."""
    read, stale = gateway.subscription_read, []

    def slow(merchant, stripe_id):
        facts = read(merchant, stripe_id)
        if not stale:
            stale.append(facts)
            shop.stripe.cancel(stripe_id, now=True)
            subscription_sync(merchant=merchant, stripe_id=stripe_id, actor=ACTOR, at=shop.now)
        return facts

    monkeypatch.setattr(gateway, "subscription_read", slow)
    row = subscription_sync(merchant=cycle.merchant, stripe_id=cycle.stripe_id, actor=ACTOR, at=shop.now)
    assert (stale[0].status, row.state) == ("active", "cancelled")


def test_money_for_a_revoked_license_is_kept_and_waits_for_a_person(shop, cycle):
    license_revoke(license=License.objects.get(), reason="Fraud.", actor=ACTOR, at=shop.now)
    next_year(shop, cycle)
    shop.work()
    assert states()["invoice.paid"] == ("parked", "license_ended")
    assert Payment.objects.filter(source="invoice").count() == 1
    assert Issuance.objects.count() == 1


def test_run_again_after_reinstating_the_license_is_renewed(shop, cycle):
    license_suspend(license=License.objects.get(), reason="Asked to.", actor=ACTOR, at=shop.now)
    next_year(shop, cycle)
    shop.work()
    license_reinstate(license=License.objects.get(), actor=ACTOR, at=shop.now)
    for event in StripeEvent.objects.filter(state="parked"):
        event_rerun(event=event, actor=ACTOR, at=shop.now)
    shop.sweep()
    assert License.objects.get().expires_at > shop.now + timedelta(days=360)
    assert (Payment.objects.count(), Issuance.objects.count()) == (2, 2)
    assert not StripeEvent.objects.filter(state="parked").exists()


def test_price_and_period_stay_as_they_began(shop, cycle, offer):
    """C28: price and period are frozen at start."""
    Offer.objects.filter(pk=offer.pk).update(amount_minor=19_900, interval="month")
    next_year(shop, cycle)
    shop.work()
    cycle.refresh_from_db()
    assert (cycle.amount_minor, cycle.interval) == (9_900, "year")
    assert "payment.mismatched" not in kinds("payment.")


def test_a_bundle_renews_every_license(shop, make_offer, make_plan):
    """E11, C28."""
    items = [{"plan": make_plan("collector"), "quantity": 2}, {"plan": make_plan("relay"), "quantity": 1}]
    cycle = shop.buy(make_offer("suite", plan=None, items=items)).subscription
    next_year(shop, cycle)
    shop.work()
    cycle.refresh_from_db()
    assert {row.expires_at for row in License.objects.all()} == {cycle.period_end}
    assert Issuance.objects.filter(cause="renew").count() == 3


# --- reconcile --------------------------------------------------------------------------------------


def test_reconcile_finds_what_never_arrived_and_nothing_the_second_time(shop, one_off, offer):
    """Trust, Stripe: `stripe reconcile --since`."""
    for wanted in (one_off, offer):
        shop.stripe.pay(shop.order(wanted).session_id)
    merchant, since = default_merchant(), shop.now - timedelta(days=1)
    first = reconcile(merchant=merchant, since=since, clock=lambda: shop.now)
    assert first.missed == first.listed > 2
    assert (first.parked, first.waiting) == (0, 0)
    assert License.objects.count() == 2
    second = reconcile(merchant=merchant, since=since, clock=lambda: shop.now)
    assert (second.listed, second.missed) == (first.listed, 0)
    assert Event.objects.filter(kind="payment.settled").count() == 2


def test_an_invoice_that_renews_nothing_changes_no_tier(shop, downgraded):
    """C29: one that only evens something out, or pays an earlier period late, is no renewal."""
    from billing.services.renewing import _change_tiers

    lines = [
        SimpleNamespace(proration=True, period_start=shop.now, period_end=shop.now + timedelta(days=9)),
        SimpleNamespace(proration=False, period_start=shop.now - timedelta(days=1), period_end=shop.now),
    ]
    for line in lines:
        invoice = SimpleNamespace(lines=[line], created=shop.now)
        _change_tiers([License.objects.get()], invoice, ACTOR, shop.now)
        assert TierChange.objects.get().state == "scheduled"
