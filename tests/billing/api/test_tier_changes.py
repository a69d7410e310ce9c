"""Changing the plan of a license: a quote, an order, the renewal (C29)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import gateway
from billing.models import Checkout, Subscription, TierChange
from billing.services import tier_orders
from billing.services.reaping import checkouts_reap
from billing.services.settling import payment_settle
from billing.services.syncing import catalogue_sync
from billing.services.telling import tier_changes_tell
from billing.services.tier_changes import scheduled_apply, scheduled_sweep, tier_change_apply
from billing.services.tier_orders import tier_change_force
from billing.tier_errors import SelfLicenseTier, TierChangeOver, TierRefused
from config.kit.attention import sources
from history.models import Event
from licenses.models import License, Plan
from licenses.services.lifecycle import license_revoke
from tests.billing.shop import URL, merchant, shop, stranger

__all__ = ["merchant", "shop", "stranger"]  # fixtures
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "stripe", "merchant", "signing")]

BY = {"actor": "cli:test"}


@pytest.fixture
def team(make_plan):
    return make_plan("team", seats=25, nodes=2, tier_rank=10, entitlements={"audit": True}, grace_days=7)


@pytest.fixture
def big(make_plan):
    return make_plan(
        "big", seats=100, nodes=9, machines=5, tier_rank=20, entitlements={"sso": True}, grace_days=30
    )


@pytest.fixture
def offers(make_offer, team, big):
    """Both tiers, by the year: 100 and 300 euro."""
    return make_offer("team", plan=team, amount_minor=10_000), make_offer(
        "big", plan=big, amount_minor=30_000
    )


@pytest.fixture
def perpetual(make_offer, team, big):
    """Both tiers for good: 100 and 300 euro."""
    once = {"type": "one_off", "term_days": 0}
    return (
        make_offer("team-ever", plan=team, amount_minor=10_000, **once),
        make_offer("big-ever", plan=big, amount_minor=30_000, **once),
    )


@pytest.fixture
def buy(shop, stripe, merchant, clock):
    """Return a buyer: `buy(offer)` is the license of a paid order."""

    def make(offer, **said) -> License:
        body = {"lookup_key": offer.lookup_key, "managed_products": 5, **said}
        session = shop.post(URL, body).json()["session_id"]
        settle(session, stripe, merchant, clock.at)
        return License.objects.latest("pk")

    return make


def settle(session, stripe, merchant, at):
    stripe.pay(session, email="ann@acme.example")
    return payment_settle(merchant=merchant, session=gateway.session_read(merchant, session), at=at, **BY)


def path(row, what="tier-changes"):
    return f"/api/v1/licenses/{row.public_id}/{what}"


def rules(answer):
    return {entry["code"] for entry in answer.json()["errors"]}


# --- quotes -----------------------------------------------------------------------------------------


def test_a_quote_says_what_is_due_and_writes_nothing(shop, buy, offers, clock):
    """C29: the difference for the days left of the period."""
    row = buy(offers[0])
    clock.advance(timedelta(days=182))
    answer = shop.post(path(row, "tier-quote"), {"plan": "big"})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["from_minor"], told["to_minor"], told["difference_minor"]) == (10_000, 30_000, 20_000)
    assert (told["period_days"], told["days_left"], told["due_minor"]) == (365, 183, 10_027)
    assert (told["direction"], told["effective_at"], told["lookup_key"]) == ("upgrade", None, "big")
    assert not TierChange.objects.exists()


def test_a_downgrade_is_quoted_for_the_renewal(shop, buy, offers):
    row = buy(offers[1])
    told = shop.post(path(row, "tier-quote"), {"lookup_key": "team"}).json()
    period_end = Subscription.objects.get().period_end
    assert (told["due_minor"], told["direction"]) == (0, "downgrade")
    assert told["effective_at"] == period_end.isoformat().replace("+00:00", "Z")


def test_each_rule_that_refuses_is_named(shop, buy, offers, perpetual, make_plan, make_offer, product, at):
    """C29: the rules for buyers, each with its own code."""
    from licenses.services.catalogue import plan_create, product_create

    other = product_create(product_key="other", name="Other", at=at, **BY)
    far = plan_create(product=other, slug="far", name="Far", tier_rank=30, at=at, **BY)
    make_offer("far", plan=far)
    make_offer("unranked", plan=make_plan("unranked"))
    make_offer("same", plan=make_plan("same", tier_rank=10))
    make_offer("shut", plan=make_plan("shut", tier_rank=30), active=False)
    make_offer("monthly", plan=make_plan("monthly", tier_rank=30), interval="month")
    make_offer("dollar", plan=make_plan("dollar", tier_rank=30), currency="usd")
    row = buy(offers[0])
    for key, code in (
        ("far", "tier_other_product"), ("unranked", "tier_unranked"), ("same", "tier_same_rank"),
        ("shut", "tier_not_active"), ("monthly", "tier_other_period"), ("dollar", "tier_other_currency"),
        ("big-ever", "tier_other_term"),
    ):  # fmt: skip
        for what in ("tier-quote", "tier-changes"):
            answer = shop.post(path(row, what), {"lookup_key": key})
            assert (answer.status_code, answer.json()["code"], rules(answer)) == (
                400, "tier_change_refused", {code},
            ), key  # fmt: skip
    ours = buy(perpetual[1])
    answer = shop.post(path(ours, "tier-quote"), {"lookup_key": "team-ever"})
    assert rules(answer) == {"tier_perpetual_downgrade"}
    assert not TierChange.objects.exists()


def test_another_group_s_license_is_unknown(stranger, buy, offers):
    row = buy(offers[0])
    for what in ("tier-quote", "tier-changes"):
        assert stranger.post(path(row, what), {"plan": "big"}).status_code == 404


@pytest.mark.parametrize("body", [{}, {"plan": "big", "lookup_key": "big"}])
def test_exactly_one_name_is_taken(shop, buy, offers, body):
    assert shop.post(path(buy(offers[0]), "tier-quote"), body).status_code == 400


def test_a_revoked_license_changes_no_more(shop, buy, offers, at):
    from licenses.services.lifecycle import license_revoke

    row = buy(offers[0])
    license_revoke(license=row, reason="x", at=at, **BY)
    answer = shop.post(path(row), {"plan": "big"})
    assert (answer.status_code, answer.json()["code"]) == (409, "license_revoked")


def test_a_cycle_that_is_past_due_changes_no_more(shop, buy, offers):
    row = buy(offers[0])
    Subscription.objects.update(state="past_due")
    answer = shop.post(path(row), {"plan": "big"})
    assert (answer.status_code, answer.json()["code"]) == (409, "subscription_not_active")


# --- upgrades ---------------------------------------------------------------------------------------


def test_an_upgrade_is_made_when_its_difference_is_paid(shop, buy, offers, big, stripe, merchant, clock):
    """C29: plan, entitlements, limits and grace of the row; end and seats stay, and no new key is signed."""
    row = buy(offers[0])
    end, keys = row.expires_at, row.issuances.count()
    stripe.stand(clock.advance(timedelta(days=182)))
    answer = shop.post(path(row), {"plan": "big", "expected_minor": 10_027}).json()
    assert (answer["state"], answer["amount_minor"]) == ("awaiting_payment", 10_027)
    session = stripe.objects("checkout.session")[-1]
    assert (session["id"], session["mode"], session["amount_total"]) == (
        answer["session_id"],
        "payment",
        10_027,
    )
    row.refresh_from_db()
    assert row.plan_code == "team"

    payment = settle(answer["session_id"], stripe, merchant, clock.at)
    row.refresh_from_db()
    assert (row.plan, row.plan_code, row.nodes, row.machines) == (big, "big", 9, 5)
    assert (row.entitlements, row.grace_days, row.seats) == ({"sso": True}, 30, 5)
    assert (row.expires_at, row.issuances.count()) == (end, keys)
    assert (payment.purpose, payment.amount_minor) == ("tier_change", 10_027)
    change = TierChange.objects.get()
    assert (change.state, change.effective_at) == ("applied", clock.at)
    told = Event.objects.get(kind="tier_change.applied")
    assert (told.subject, told.data["from"], told.data["to"]) == (f"license:{row.public_id}", "team", "big")


def test_the_subscription_pays_the_new_price_from_its_next_period(shop, buy, offers, stripe, merchant, clock):
    """C29: without proration at Stripe, for the difference was paid here; told again it changes nothing."""
    row = buy(offers[0])
    answer = shop.post(path(row), {"plan": "big"}).json()
    settle(answer["session_id"], stripe, merchant, clock.at)
    cycle = Subscription.objects.get()
    assert (cycle.offer.slug, cycle.amount_minor, cycle.revision) == ("big", 30_000, 1)
    stripe.fail_next("/v1/subscriptions", 500, times=1, method="POST")
    tier_changes_tell(at=clock.at)
    clock.advance(timedelta(minutes=16))
    tier_changes_tell(at=clock.at)
    facts = gateway.subscription_read(merchant, cycle.stripe_id)
    assert facts.unit_amount_minor == 30_000
    asked = [r for r in stripe.requests("/v1/subscriptions/") if r["method"] == "POST"]
    assert {r["params"]["proration_behavior"] for r in asked} == {"none"}
    assert tier_changes_tell(at=clock.at) == 0
    invoice = stripe.advance(cycle.stripe_id)
    assert invoice["amount_paid"] == 30_000


def test_an_upgrade_of_a_perpetual_license_costs_the_difference(
    shop, buy, perpetual, stripe, merchant, clock
):
    row = buy(perpetual[0])
    answer = shop.post(path(row), {"lookup_key": "big-ever"}).json()
    assert answer["amount_minor"] == 20_000
    settle(answer["session_id"], stripe, merchant, clock.at)
    row.refresh_from_db()
    assert (row.plan_code, row.expires_at) == ("big", None)


def test_an_upgrade_that_costs_nothing_is_made_at_once(shop, buy, make_offer, perpetual, big):
    row = buy(make_offer("dear", plan=perpetual[0].plan, type="one_off", term_days=0, amount_minor=50_000))
    answer = shop.post(path(row), {"lookup_key": "big-ever"}).json()
    assert (answer["state"], answer["amount_minor"], answer["url"]) == ("applied", 0, None)
    row.refresh_from_db()
    assert row.plan == big


def test_a_price_that_moved_is_refused(shop, buy, offers):
    row = buy(offers[0])
    answer = shop.post(path(row), {"plan": "big", "expected_minor": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "tier_quote_changed")
    assert answer.json()["due_minor"] == 20_000


def test_a_second_change_waits_for_the_first(shop, buy, offers, at):
    """And the first one can be given up: its session ends at Stripe."""
    row = buy(offers[0])
    first = shop.post(path(row), {"plan": "big"}).json()
    again = shop.post(path(row), {"plan": "big"})
    assert (again.status_code, again.json()["code"]) == (409, "tier_change_pending")
    assert again.json()["tier_change"] == first["tier_change"]
    given_up = shop.post(f"/api/v1/tier-changes/{first['tier_change']}/cancel")
    assert (given_up.status_code, given_up.json()["state"]) == (200, "cancelled")
    assert shop.post(path(row), {"plan": "big"}).status_code == 201


def test_the_same_key_begins_one_change(shop, buy, offers, stripe):
    row = buy(offers[0])
    first, again = (shop.post(path(row), {"plan": "big"}, key="up") for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert TierChange.objects.count() == 1


def test_a_change_whose_payment_never_comes_is_given_up(shop, buy, offers, clock):
    row = buy(offers[0])
    shop.post(path(row), {"plan": "big"})
    assert checkouts_reap(at=clock.at + timedelta(minutes=31)) == 1
    assert TierChange.objects.get().state == "cancelled"
    assert Event.objects.filter(kind="tier_change.cancelled").count() == 1
    with pytest.raises(TierChangeOver):
        tier_change_apply(change=TierChange.objects.get(), at=clock.at, **BY)


def test_a_change_takes_nothing_of_the_offer_s_cap(shop, buy, team, make_offer, make_plan):
    low = make_offer("low", plan=team, amount_minor=100)
    top = make_offer("top", plan=make_plan("top", tier_rank=90), amount_minor=200, max_license_total=1)
    buy(top)
    row = buy(low)
    assert shop.post(path(row), {"lookup_key": "top"}).status_code == 201
    assert Checkout.objects.get(purpose="tier_change").units == 0


# --- downgrades -------------------------------------------------------------------------------------


def test_a_downgrade_waits_for_the_renewal_and_is_applied_with_it(shop, buy, offers, stripe, merchant, clock):
    """C29: nothing now; the next invoice has the lower price, and the license the lower plan."""
    row = buy(offers[1])
    answer = shop.post(path(row), {"plan": "team"}).json()
    assert (answer["state"], answer["amount_minor"], answer["session_id"]) == ("scheduled", 0, None)
    row.refresh_from_db()
    assert (row.plan_code, row.entitlements) == ("big", {"sso": True})
    assert tier_changes_tell(at=clock.at) in (0, 1)  # a task may have told it already
    cycle = Subscription.objects.get()
    assert gateway.subscription_read(merchant, cycle.stripe_id).unit_amount_minor == 10_000
    assert stripe.advance(cycle.stripe_id)["amount_paid"] == 10_000

    earlier, begins = clock.at - timedelta(days=1), {"period_start": cycle.period_end}
    assert scheduled_apply(license=row, period_start=earlier, at=clock.at, **BY) is None
    assert scheduled_apply(license=row, **begins, at=clock.at, **BY).state == "applied"
    row.refresh_from_db()
    assert (row.plan_code, row.entitlements, row.nodes) == ("team", {"audit": True}, 2)
    cycle.refresh_from_db()
    assert (cycle.offer.slug, cycle.amount_minor) == ("team", 10_000)
    assert scheduled_apply(license=row, **begins, at=clock.at, **BY) is None


def test_without_a_subscription_a_downgrade_is_made_when_the_period_ends(
    shop, buy, make_offer, team, big, clock
):
    """C29: no invoice brings it, and it must not stand in the way of every later change."""
    once = {"type": "one_off", "term_days": 365}
    make_offer("team-once", plan=team, amount_minor=10_000, **once)
    row = buy(make_offer("big-once", plan=big, amount_minor=30_000, **once))
    assert shop.post(path(row), {"plan": "team"}).json()["state"] == "scheduled"
    assert shop.post(path(row), {"plan": "team"}).json()["code"] == "tier_change_pending"
    assert scheduled_sweep(at=row.expires_at - timedelta(seconds=1), **BY) == 0
    assert (scheduled_sweep(at=row.expires_at, **BY), scheduled_sweep(at=row.expires_at, **BY)) == (1, 0)
    row.refresh_from_db()
    assert (row.plan_code, row.entitlements) == ("team", {"audit": True})


def test_with_a_running_subscription_it_waits_for_the_invoice(buy, offers, team, clock):
    row = buy(offers[1])
    tier_change_force(license=row, plan=team, at_renewal=True, at=clock.at, **BY)
    assert scheduled_sweep(at=row.expires_at + timedelta(days=1), **BY) == 0
    Subscription.objects.update(state="cancelled")
    assert scheduled_sweep(at=row.expires_at, **BY) == 1


def test_what_waits_for_a_revoked_license_is_given_up(buy, offers, team, clock):
    row = buy(offers[1])
    change = tier_change_force(license=row, plan=team, at_renewal=True, at=clock.at, **BY)
    Subscription.objects.update(state="cancelled")
    license_revoke(license=row, reason="Fraud", at=clock.at, **BY)
    assert scheduled_sweep(at=row.expires_at, **BY) == 0
    change.refresh_from_db()
    assert change.state == "cancelled"
    assert Event.objects.get(kind="tier_change.cancelled").data["reason"] == "license_revoked"


def test_a_downgrade_that_is_given_up_is_told_to_stripe(shop, buy, offers, merchant, clock):
    row = buy(offers[1])
    uid = shop.post(path(row), {"plan": "team"}).json()["tier_change"]
    tier_changes_tell(at=clock.at)
    assert shop.post(f"/api/v1/tier-changes/{uid}/cancel").json()["state"] == "cancelled"
    tier_changes_tell(at=clock.at)
    cycle = Subscription.objects.get()
    assert gateway.subscription_read(merchant, cycle.stripe_id).unit_amount_minor == 30_000
    again = shop.post(f"/api/v1/tier-changes/{uid}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "tier_change_over")


def test_a_price_that_stripe_does_not_take_needs_attention(shop, buy, offers, stripe, clock):
    """C29: the next invoice would have the old price. Tried again by a person, it says why."""
    row = buy(offers[1])
    shop.post(path(row), {"plan": "team"})
    TierChange.objects.update(stripe_due_at=clock.at)  # as if no task had told it yet
    source = next(source for source in sources() if source.name == "stripe-prices")
    stripe.fail_next("/v1/subscriptions", 500)
    assert tier_changes_tell(at=clock.at) == 0
    assert not list(source.find(clock.at + timedelta(minutes=59)))
    (problem,) = source.find(clock.at + timedelta(hours=1))
    assert row.public_id in problem.title
    stripe.fail_next("/v1/subscriptions", 500)
    with pytest.raises(gateway.StripeUnavailable):
        source.retry(problem.key, actor="user:7", at=clock.at)
    source.retry(problem.key, actor="user:7", at=clock.at)
    assert not list(source.find(clock.at + timedelta(hours=1)))


# --- staff, and our own license ---------------------------------------------------------------------


def test_applied_twice_a_change_is_one(buy, offers, big, clock):
    row = buy(offers[0])
    change = tier_change_force(license=row, plan=big, at=clock.at, **BY)
    tier_change_apply(change=change, at=clock.at, **BY)
    assert Event.objects.filter(kind="tier_change.applied").count() == 1


def test_staff_pass_the_rules_for_buyers(buy, perpetual, team, make_plan, clock):
    """C29: admin mode may force any: down a perpetual license, to a closed or unranked plan."""
    row = buy(perpetual[1])
    change = tier_change_force(license=row, plan=team, at=clock.at, **BY)
    assert (change.state, change.forced, change.amount_minor) == ("applied", True, 0)
    row.refresh_from_db()
    assert row.plan == team
    yearly = make_plan("yearly", active=False)
    tier_change_force(license=row, plan=make_plan("ever", duration_days=0), at=clock.at, **BY)
    tier_change_force(license=row, plan=yearly, at=clock.at, **BY)
    row.refresh_from_db()
    assert row.expires_at == clock.at.replace(microsecond=0) + timedelta(days=365)
    tier_change_force(license=row, plan=Plan.objects.get(slug="ever"), at=clock.at, **BY)
    row.refresh_from_db()
    assert row.expires_at is None


def test_staff_do_not_move_a_license_to_another_product(buy, offers, at):
    """Its keys name the product."""
    from licenses.services.catalogue import plan_create, product_create

    other = product_create(product_key="other", name="Other", at=at, **BY)
    far = plan_create(product=other, slug="far", name="Far", at=at, **BY)
    with pytest.raises(TierRefused):
        tier_change_force(license=buy(offers[0]), plan=far, at=at, **BY)


def test_staff_may_have_it_wait_for_the_renewal(buy, offers, team, clock):
    row = buy(offers[1])
    change = tier_change_force(license=row, plan=team, at_renewal=True, at=clock.at, **BY)
    assert (change.state, change.effective_at) == ("scheduled", row.expires_at)


def test_a_guard_refuses_buyers_and_staff_alike(shop, buy, offers, big, clock, monkeypatch):
    """C29, C8: the tier of our own license does not change here."""
    row = buy(offers[0])

    def ours(license_) -> None:
        if license_.pk == row.pk:
            raise SelfLicenseTier

    monkeypatch.setattr(tier_orders, "_guards", [])
    tier_orders.tier_guard_register(ours)
    answer = shop.post(path(row), {"plan": "big"})
    assert (answer.status_code, answer.json()["code"]) == (409, "self_license_tier")
    with pytest.raises(SelfLicenseTier):
        tier_change_force(license=row, plan=big, at=clock.at, **BY)


@pytest.mark.parametrize("reverts", [False, True])
def test_a_discount_that_stands_at_stripe_for_ever_is_taken_off_once(
    shop, buy, offers, make_coupon, merchant, clock, stripe, reverts
):
    """C28, C29: Stripe is told prices before its discount; ours, and what a change costs, are after it."""
    low, top = offers[:2]
    make_coupon("EVER", offers=[low, top], percent_bps=2_500, duration="forever")
    catalogue_sync(actor="cli:test", at=clock.at)
    row = buy(top, coupon="EVER")
    cycle = Subscription.objects.get()
    assert cycle.amount_minor == 22_500
    uid = shop.post(path(row), {"plan": "team"}).json()["tier_change"]
    tier_changes_tell(at=clock.at)
    assert gateway.subscription_read(merchant, cycle.stripe_id).unit_amount_minor == 10_000
    if reverts:
        shop.post(f"/api/v1/tier-changes/{uid}/cancel")
        tier_changes_tell(at=clock.at)
        assert gateway.subscription_read(merchant, cycle.stripe_id).unit_amount_minor == 30_000
        assert stripe.advance(cycle.stripe_id)["amount_paid"] == 22_500
    else:
        assert stripe.advance(cycle.stripe_id)["amount_paid"] == 7_500
        scheduled_apply(license=row, period_start=cycle.period_end, at=clock.at, **BY)
        cycle.refresh_from_db()
        assert cycle.amount_minor == 7_500
