"""What a payment gave is taken back when all of its money went back, and only then (C29, E32, invariant 5)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from billing import gateway
from billing.models import Payment, StripeEvent, Subscription, TierChange
from billing.selectors.catalogue import default_merchant
from billing.services.checkouts import checkout_present, maintenance_reserve
from billing.services.telling import tier_changes_tell
from billing.services.tier_orders import tier_change_begin, tier_change_force
from history.models import Event
from licenses.models import License
from tests.billing.buying import ACTOR, BACK, kinds, states

pytestmark = pytest.mark.django_db


def pay(shop, checkout):
    """Pay an order and have it delivered: the payment."""
    shop.stripe.pay(checkout_present(checkout=checkout, at=shop.now).session_id)
    shop.work()
    return Payment.objects.get(checkout=checkout)


def back(shop, payment, **amount):
    shop.stripe.refund(payment.intent_ref, **amount)
    shop.work()


def again(shop):
    """Everything that was ever told is told again, under new ids."""
    shop.wait(minutes=1)
    for event in shop.stripe.events():
        assert shop.stripe.deliver({**event, "id": f"{event['id']}_again"}).status_code == 200
    shop.sweep()


# --- maintenance ------------------------------------------------------------------------------------


@pytest.fixture
def maintain(shop, make_offer):
    """A perpetual license of a year's maintenance; what is called sells one more year: its payment."""
    shop.buy(
        make_offer("ever", type="one_off", term_days=0, maintenance="manual", maintenance_amount_minor=3_000)
    )

    def more():
        license_ = License.objects.get()
        order = maintenance_reserve(
            license=license_, success_url=BACK["success_url"], cancel_url=BACK["cancel_url"], actor=ACTOR,
            at=shop.now,
        )  # fmt: skip
        return pay(shop, order)

    return more


def ends():
    return License.objects.get().maintenance_expires_at


def test_a_refunded_year_of_maintenance_goes_and_the_other_paid_years_stay(shop, maintain):
    """E32: a part of the money takes nothing; told again, nothing more goes."""
    bought = ends()
    first, second = maintain(), maintain()
    assert ends() == bought + timedelta(days=730)
    back(shop, first, amount=1_000)
    assert ends() == bought + timedelta(days=730)
    back(shop, first)
    assert ends() == bought + timedelta(days=365)
    again(shop)
    assert ends() == bought + timedelta(days=365)
    back(shop, second)
    assert (ends(), License.objects.get().status) == (bought, "active")
    assert kinds("maintenance.") == ["maintenance.extended"] * 2 + ["maintenance.withdrawn"] * 2


def test_a_lost_dispute_takes_the_maintenance_back_too(shop, maintain):
    bought, payment = ends(), maintain()
    dispute = shop.stripe.dispute(payment.intent_ref)
    shop.work()
    assert ends() > bought
    shop.stripe.close_dispute(dispute["id"], "lost")
    shop.work()
    assert ends() == bought


# --- changes of plan --------------------------------------------------------------------------------


@pytest.fixture
def upgrade(shop, make_offer, make_plan):
    """A yearly license that moved up for the difference in price: the payment of the change."""
    low = make_plan("low", seats=5, nodes=2, tier_rank=10, entitlements={"audit": True}, grace_days=7)
    top = make_plan("top", nodes=9, machines=5, tier_rank=20, entitlements={"sso": True}, grace_days=30)
    shop.buy(make_offer("low", plan=low, amount_minor=10_000), managed_products=5)
    wanted = make_offer("top", plan=top, amount_minor=30_000)
    shop.wait(days=1)
    change = tier_change_begin(
        license=License.objects.get(), offer=wanted, success_url=BACK["success_url"],
        cancel_url=BACK["cancel_url"], actor=ACTOR, at=shop.now,
    )  # fmt: skip
    return pay(shop, change.checkout)


def terms():
    row = License.objects.get()
    return row.plan_code, row.nodes, row.machines, row.entitlements, row.grace_days, row.seats


def price():
    """What the next period costs, here and at Stripe."""
    cycle = Subscription.objects.get()
    facts = gateway.subscription_read(default_merchant(), cycle.stripe_id)
    return cycle.offer.slug, cycle.amount_minor, facts.unit_amount_minor


def test_a_refunded_change_of_plan_gives_the_earlier_plan_back(shop, upgrade):
    """C29: terms and price, here and at Stripe; told again, nothing more happens."""
    tier_changes_tell(at=shop.now)
    assert (terms()[0], price()) == ("top", ("top", 30_000, 30_000))
    back(shop, upgrade, amount=500)
    assert terms()[0] == "top"
    back(shop, upgrade)
    tier_changes_tell(at=shop.now)
    assert terms() == ("low", 2, 1, {"audit": True}, 7, 5)
    assert price() == ("low", 10_000, 10_000)
    again(shop)
    assert terms()[0] == "low"
    assert TierChange.objects.get().state == "reverted"
    assert kinds("tier_change.")[-2:] == ["tier_change.applied", "tier_change.reverted"]
    assert set(states().values()) <= {("done", ""), ("ignored", "not_ours"), ("ignored", "not_handled")}


def renewed(shop):
    shop.stand(Subscription.objects.get().period_end)
    shop.stripe.advance(Subscription.objects.get().stripe_id)
    shop.work()


def moved_again(shop, make_plan):
    tier_change_force(license=License.objects.get(), plan=make_plan("best"), actor=ACTOR, at=shop.now)


def edited(shop):
    License.objects.update(nodes=77)


@pytest.mark.parametrize("since", [renewed, moved_again, edited])
def test_a_license_that_moved_on_is_left_to_a_person(shop, upgrade, make_plan, since):
    """C29: the money is written down, and one event waits."""
    (partial(since, make_plan=make_plan) if since is moved_again else since)(shop)
    before = terms()
    back(shop, upgrade)
    upgrade.refresh_from_db()
    assert (upgrade.state, terms(), TierChange.objects.earliest("pk").state) == (
        "refunded",
        before,
        "applied",
    )
    parked = StripeEvent.objects.filter(state="parked")
    assert list(parked.values_list("reason", flat=True)) == ["changed_since"]
    assert Event.objects.filter(kind="stripe_event.parked").count() == 1


# --- a refund and a dispute ---------------------------------------------------------------------------


def test_a_refund_that_is_told_after_its_dispute_counts_when_that_is_won(shop, one_off):
    """Invariant 5: the money is gone, whoever the bank decides for."""
    payment = shop.buy(one_off)
    shop.stripe.refund(payment.intent_ref)
    refunded = shop.stripe.events()
    dispute = shop.stripe.dispute(payment.intent_ref)
    shop.delivered = len(refunded)
    shop.work()
    shop.stripe.deliver(refunded[-1])
    shop.sweep()
    payment.refresh_from_db()
    assert (payment.state, License.objects.get().status) == ("disputed", "suspended")
    shop.stripe.close_dispute(dispute["id"], "won")
    shop.work()
    payment.refresh_from_db()
    assert (payment.state, License.objects.get().status) == ("refunded", "revoked")
