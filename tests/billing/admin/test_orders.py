"""Orders and changes of tier in the back office."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from billing.models import TierChange
from billing.services.checkouts import checkout_open
from billing.services.reservations import Wish
from billing.services.tier_orders import tier_change_force
from tests.billing.shop import merchant, state_of

__all__ = ["merchant"]  # a fixture
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "stripe", "merchant")]

BY = {"actor": "cli:test"}


@pytest.fixture
def billing(make_user, signed_in):
    """A browser of somebody who keeps the money."""
    return signed_in(make_user("billing"))


@pytest.fixture
def order(one_off, make_coupon, customer, at):
    make_coupon("WELCOME20", offers=[one_off])
    wish = Wish(lookup_key=one_off.lookup_key, coupon="WELCOME20")
    return checkout_open(wish=wish, account=customer, at=at, **BY)


def page(row, name="change"):
    return reverse(f"admin:billing_{row._meta.model_name}_{name}", args=[row.pk])


def text_of(answer) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


# --- orders -----------------------------------------------------------------------------------------


def test_an_order_shows_what_it_holds_and_how_its_price_was_found(billing, order):
    text = text_of(billing.get(page(order)))
    for said in (order.session_id, "WELCOME20", "reserved", "99.00 EUR", "-19.80 EUR", "79.20 EUR", "Acme"):
        assert said in text
    assert order.url in text
    assert "Expire now" in text


@pytest.mark.parametrize("term", ["session_id", "uid", "slug"])
def test_the_list_finds_an_order_by_whole_names(billing, order, make_checkout, offer, prospect, term):
    make_checkout(offer, account=prospect)
    wanted = {"session_id": order.session_id, "uid": str(order.uid), "slug": "acme"}[term]
    text = text_of(billing.get(reverse("admin:billing_checkout_changelist"), {"q": wanted}))
    assert "Acme" in text
    assert "Globex" not in text
    assert text_of(billing.get(reverse("admin:billing_checkout_changelist"), {"q": "\x00"}))


def test_staff_take_an_order_back(billing, order, stripe):
    """C26: the session ends at Stripe before anything is free."""
    text = text_of(billing.post(page(order, "expire"), follow=True))
    assert "What it held is free again" in text
    assert "Expire now" not in text
    assert state_of(order.uid) == ("expired", "released")
    assert stripe.objects("checkout.session")[0]["status"] == "expired"


def test_an_order_that_was_paid_meanwhile_is_delivered_instead(billing, order, stripe, signing):
    stripe.pay(order.session_id, email="ann@acme.example")
    assert "It was paid, and delivered" in text_of(billing.post(page(order, "expire"), follow=True))
    assert state_of(order.uid) == ("paid", "redeemed")


def test_while_stripe_does_not_answer_nothing_is_taken_back(billing, order, stripe):
    stripe.fail_next("/v1/", 500, times=10)
    assert "Stripe does not answer" in text_of(billing.post(page(order, "expire"), follow=True))
    assert state_of(order.uid) == ("open", "reserved")


def test_who_may_only_look_has_no_button(make_user, signed_in, order):
    """D15."""
    auditor = signed_in(make_user("auditor"))
    assert "Expire now" not in text_of(auditor.get(page(order)))
    assert auditor.post(page(order, "expire")).status_code == 403


# --- changing the plan of a license -----------------------------------------------------------------


@pytest.fixture
def tiers(make_plan, make_offer):
    """Two ranked plans for a year, and one that is closed."""
    team = make_plan("team", tier_rank=10, nodes=2, entitlements={"audit": True})
    big = make_plan("big", tier_rank=20, nodes=9, entitlements={"sso": True})
    make_offer("team", plan=team, type="one_off", amount_minor=10_000)
    make_offer("big", plan=big, type="one_off", amount_minor=30_000)
    return team, big, make_plan("old", tier_rank=5, active=False)


@pytest.fixture
def row(make_license, tiers, at):
    return make_license(tiers[0], expires_at=at + timedelta(days=365))


def dialog(row):
    return reverse("admin:licenses_license_tier", args=[row.pk])


def test_the_button_stands_on_the_page_for_who_may(billing, make_user, signed_in, row):
    """D15."""
    assert dialog(row) in text_of(billing.get(reverse("admin:licenses_license_change", args=[row.pk])))
    assert signed_in(make_user("support")).get(dialog(row)).status_code == 403


def test_the_quote_stands_there_before_anything_happens(billing, row, tiers):
    """C29: what changes, and what a buyer would pay."""
    posted = {"plan": tiers[1].pk, "when": "now", "_preview": "1"}
    text = text_of(billing.post(dialog(row), posted))
    assert "At once the plan goes from Team to Big." in text
    assert "A buyer would pay 200.00 EUR now: 200.00 EUR for 365 of 365 days." in text
    row.refresh_from_db()
    assert (row.plan_code, TierChange.objects.count()) == ("team", 0)


def test_it_says_which_rule_would_refuse_a_buyer(billing, row, tiers):
    posted = {"plan": tiers[2].pk, "when": "renewal", "_preview": "1"}
    text = text_of(billing.post(dialog(row), posted))
    assert "A buyer could not do this: no offer sells that plan." in text


def test_staff_change_a_plan_at_once(billing, row, tiers):
    answer = billing.post(dialog(row), {"plan": tiers[1].pk, "when": "now"}, follow=True)
    assert "The plan is Big now." in text_of(answer)
    row.refresh_from_db()
    assert (row.plan_code, row.nodes, row.entitlements) == ("big", 9, {"sso": True})
    change = TierChange.objects.get()
    assert (change.state, change.forced, change.actor.partition(":")[0]) == ("applied", True, "user")


def test_a_change_that_waits_is_listed_and_given_up(billing, row, tiers, at):
    answer = billing.post(dialog(row), {"plan": tiers[2].pk, "when": "renewal"}, follow=True)
    assert "with the next renewal" in text_of(answer)
    change = TierChange.objects.get()
    listed = text_of(billing.get(reverse("admin:billing_tierchange_changelist")))
    assert "Team to Old" in listed
    assert row.public_id in listed
    assert "Give it up" in text_of(billing.get(page(change)))
    again = text_of(billing.post(dialog(row), {"plan": tiers[1].pk, "when": "now"}))
    assert "Another change of this license waits" in again
    assert "The license kept its plan" in text_of(billing.post(page(change, "cancel"), follow=True))
    change.refresh_from_db()
    assert change.state == "cancelled"


def test_a_license_s_price_stays_unless_staff_say_so(row, tiers, at):
    change = tier_change_force(license=row, plan=tiers[1], at=at, **BY)
    assert (change.to_offer, change.stripe_due_at) == (None, None)
