"""`manage.py stripe sync-products`, against the stand-in for Stripe."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing.models import Coupon, Offer, Redemption
from billing.orders import CouponNotSynced
from billing.services.checkouts import checkout_open, checkout_present
from billing.services.coupons import coupon_update
from billing.services.merchants import merchant_create, merchant_make_default
from billing.services.offers import offer_update
from billing.services.reservations import Wish, checkout_reserve
from history.models import Event

pytestmark = pytest.mark.django_db
SYNC = ("stripe", "sync-products")


@pytest.fixture
def change(at):
    """Return what changes an offer or coupon by name."""

    def make(row, **fields):
        row.refresh_from_db()
        if isinstance(row, Offer):
            return offer_update(offer=row, **fields, actor="cli:test", at=at)
        return coupon_update(coupon=row, **fields, actor="cli:test", at=at)

    return make


def writes(stripe):
    return [asked for asked in stripe.requests() if asked["method"] == "POST"]


def price_of(stripe, lookup_key):
    return next(price for price in stripe.objects("price") if price["lookup_key"] == lookup_key)


def test_an_offer_becomes_a_product_and_a_price_under_its_lookup_key(run, stripe, offer, one_off):
    """E33"""
    run(*SYNC)
    assert {(product["id"], product["name"]) for product in stripe.objects("product")} == {
        ("signet_pro", "Pro"),
        ("signet_once", "Once"),
    }
    yearly, once = price_of(stripe, "pro"), price_of(stripe, "once")
    assert (yearly["unit_amount"], yearly["currency"]) == (9_900, "eur")
    assert yearly["recurring"]["interval"] == "year"
    assert (once["unit_amount"], once["recurring"]) == (9_900, None)
    offer.refresh_from_db()
    assert (offer.stripe_product, offer.stripe_price) == ("signet_pro", yearly["id"])


def test_a_second_run_changes_nothing(run, stripe, offer, make_coupon, at):
    """E33"""
    make_coupon("SPRING", offers=[offer], expires_at=at + timedelta(days=3650))
    run(*SYNC)
    told, events = len(writes(stripe)), Event.objects.filter(kind="catalogue.synced").count()
    again = run(*SYNC)
    assert "Stripe has all of it already." in again.out
    assert len(writes(stripe)) == told
    assert Event.objects.filter(kind="catalogue.synced").count() == events == 1


def test_a_dry_run_tells_what_would_be_done_and_does_nothing(run, stripe, offer):
    """E33: the diff is for people."""
    done = run(*SYNC, "--dry-run")
    assert "+ create product pro" in done.out
    assert "+ create price pro (currency: eur; unit_amount: 9900; interval: year" in done.out
    assert "Nothing was changed" in done.out
    assert writes(stripe) == []
    offer.refresh_from_db()
    assert offer.stripe_product == ""


def test_a_changed_price_is_a_new_price_that_takes_the_lookup_key_over(run, stripe, offer, change):
    """E33: Stripe never changes the amount of a price."""
    run(*SYNC)
    old = price_of(stripe, "pro")
    change(offer, amount_minor=12_000)
    assert "unit_amount: 9900 -> 12000" in run(*SYNC, "--dry-run").out
    run(*SYNC)
    new = price_of(stripe, "pro")
    assert new["id"] != old["id"]
    assert new["unit_amount"] == 12_000
    before = next(price for price in stripe.objects("price") if price["id"] == old["id"])
    assert (before["active"], before["lookup_key"], before["metadata"]["lookup_key"]) == (False, None, "pro")
    change(offer, amount_minor=9_900)  # back again is one more, not the answer of the first time
    run(*SYNC)
    assert price_of(stripe, "pro")["unit_amount"] == 9_900
    assert len(stripe.objects("price")) == 3


def test_a_changed_name_updates_the_product_alone(run, stripe, offer, change):
    """E33"""
    run(*SYNC)
    change(offer, name="Professional")
    assert "~ update product pro (name: Pro -> Professional)" in run(*SYNC).out
    assert [product["name"] for product in stripe.objects("product")] == ["Professional"]
    assert len(stripe.objects("price")) == 1


def test_an_inactive_offer_is_archived_and_comes_back(run, stripe, offer, change):
    """E33"""
    run(*SYNC)
    change(offer, active=False)
    assert "- archive product pro" in run(*SYNC).out
    assert not stripe.objects("product")[0]["active"]
    assert not price_of(stripe, "pro")["active"]
    change(offer, active=True)
    run(*SYNC)
    assert stripe.objects("product")[0]["active"]
    assert price_of(stripe, "pro")["active"]
    assert len(stripe.objects("price")) == 1


def test_an_offer_that_was_never_active_is_not_made(run, stripe, make_offer):
    """E33"""
    make_offer(active=False)
    run(*SYNC)
    assert stripe.objects("product") == []


def test_what_was_changed_at_stripe_is_set_right(run, stripe, offer):
    """E33: compared is what stands there, not what we remember."""
    run(*SYNC)
    from billing import gateway
    from billing.selectors.catalogue import default_merchant

    gateway.product_update(default_merchant(), "signet_pro", {"name": "Meddled"})
    assert "name: Meddled -> Pro" in run(*SYNC).out


def test_a_tiered_price_stands_as_that_of_the_smallest_purchase(run, stripe, make_offer):
    """E10, E33"""
    tiers = [{"up_to": 5, "amount_minor": 4_000}, {"up_to": None, "amount_minor": 900, "per_unit": True}]
    make_offer("steps", pricing="tiered", amount_minor=0, tiers=tiers)
    run(*SYNC)
    assert price_of(stripe, "steps")["unit_amount"] == 4_000


def test_a_coupon_becomes_a_coupon_and_a_promotion_code(run, stripe, offer, make_coupon):
    """C26, E33"""
    coupon = make_coupon("SPRING", offers=[offer], percent_bps=1_250, duration="repeating", duration_months=3)
    run(*SYNC)
    (there,) = stripe.objects("coupon")
    assert (there["percent_off"], there["duration"], there["duration_in_months"]) == (12.5, "repeating", 3)
    (code,) = stripe.objects("promotion_code")
    assert (code["code"], code["active"], code["promotion"]["coupon"]) == ("SPRING", True, there["id"])
    coupon.refresh_from_db()
    assert (coupon.stripe_coupon, coupon.stripe_promotion_code) == (there["id"], code["id"])


def test_changed_terms_of_a_coupon_make_another_and_switch_the_old_code_off(
    run, stripe, offer, make_coupon, change
):
    """C26, E33"""
    coupon = make_coupon("SPRING", offers=[offer])
    run(*SYNC)
    change(coupon, percent_bps=5_000)
    assert "percent_off: 20.0 -> 50.0" in run(*SYNC).out
    assert [(code["active"]) for code in stripe.objects("promotion_code")] == [False, True]
    coupon.refresh_from_db()
    assert coupon.stripe_promotion_code == stripe.objects("promotion_code")[1]["id"]
    assert "already" in run(*SYNC).out


def test_a_coupon_that_is_switched_off_or_over_is_switched_off_there(run, stripe, offer, make_coupon, change):
    """C26, E33"""
    coupon = make_coupon("SPRING", offers=[offer])
    run(*SYNC)
    change(coupon, active=False)
    assert "- archive promotion code SPRING" in run(*SYNC).out
    assert not stripe.objects("promotion_code")[0]["active"]
    change(coupon, active=True)
    run(*SYNC)
    assert stripe.objects("promotion_code")[0]["active"]


def test_what_stripe_cannot_say_is_left_out_with_the_reason(run, stripe, offer, one_off, make_coupon):
    """C26, E33"""
    make_coupon("PRICE", offers=[offer], discount="set_price", amount_minor=5_000, currency="eur")
    make_coupon("OTHER", offers=[offer], behavior="product_override", override_offer=one_off)
    out = run(*SYNC).out
    assert "skipped coupon PRICE (It sets a price" in out
    assert "skipped coupon OTHER (It sells another offer" in out
    assert stripe.objects("coupon") == []


def test_a_code_that_stripe_has_for_something_else_is_left_alone(run, stripe, offer, make_coupon):
    """E33"""
    from billing import gateway
    from billing.selectors.catalogue import default_merchant

    theirs = gateway.coupon_create(default_merchant(), {"id": "theirs", "percent_off": 5})
    promotion = {"code": "SPRING", "promotion": {"type": "coupon", "coupon": theirs.id}}
    gateway.promotion_code_create(default_merchant(), promotion)
    make_coupon("SPRING", offers=[offer])
    assert "skipped promotion code SPRING" in run(*SYNC).out
    assert [code["active"] for code in stripe.objects("promotion_code")] == [True]


def test_what_stripe_refuses_is_told_and_the_rest_goes_on(run, stripe, offer, one_off):
    """E33"""
    stripe.fail_next("/v1/products", 400, method="POST")
    done = run(*SYNC)
    assert done.code == 1
    assert "! refused product" in done.out
    assert len(stripe.objects("product")) == 1
    assert run(*SYNC).code == 0
    assert len(stripe.objects("product")) == 2


def test_a_run_that_broke_off_is_made_up_for_by_the_next(run, stripe, offer, one_off):
    """E33: a lost answer makes nothing twice."""
    stripe.fail_next("/v1/prices", 500, method="POST", after=True)
    done = run(*SYNC)
    assert done.code == 1
    assert "stripe_unavailable" in done.err
    assert run(*SYNC).code == 0
    assert sorted(price["lookup_key"] for price in stripe.objects("price")) == ["once", "pro"]
    assert Offer.objects.exclude(stripe_price="").count() == 2


def test_the_event_says_how_much_and_no_more(run, stripe, offer):
    """E33"""
    run(*SYNC)
    event = Event.objects.get(kind="catalogue.synced")
    assert event.subject == "merchant:default"
    assert event.data == {"steps": {"create": 2}}


def test_json_is_one_object(run, stripe, offer, make_coupon, at):
    """E33"""
    make_coupon("SPRING", offers=[offer], expires_at=at + timedelta(days=3650))
    document = run(*SYNC, "--json", "--dry-run").json
    assert document["ok"] is True
    assert document["counts"] == {"create": 4}
    assert {step["what"] for step in document["steps"]} == {"product", "price", "coupon", "promotion code"}
    assert Coupon.objects.get().stripe_coupon == ""


# --- what a checkout makes of it -------------------------------------------------------------------


def asked(offer, coupon="", *, customer, at):
    """What Stripe is asked for an order."""
    wish = Wish(lookup_key=offer.lookup_key, coupon=coupon)
    return checkout_reserve(wish=wish, account=customer, actor="cli:test", at=at).params


def test_a_checkout_uses_a_promotion_code_that_says_what_the_coupon_says(
    run, stripe, one_off, make_coupon, change, customer, at
):
    """Trust 12: after a change Stripe would take what we no longer quote, until the next sync."""
    coupon = make_coupon("SPRING", offers=[one_off], percent_bps=1_000)
    run(*SYNC)
    params = asked(one_off, "SPRING", customer=customer, at=at)
    assert params["discounts"] == [{"promotion_code": stripe.objects("promotion_code")[0]["id"]}]
    assert params["line_items"][0]["price_data"]["unit_amount"] == 9_900
    Redemption.objects.all().delete()
    change(coupon, percent_bps=5_000)
    params = asked(one_off, "SPRING", customer=customer, at=at)
    assert "discounts" not in params
    assert params["line_items"][0]["price_data"]["unit_amount"] == 4_950
    Redemption.objects.all().delete()
    run(*SYNC)
    params = asked(one_off, "SPRING", customer=customer, at=at)
    assert params["discounts"] == [{"promotion_code": stripe.objects("promotion_code")[1]["id"]}]


def test_a_subscription_waits_for_the_sync_of_a_changed_coupon(
    run, stripe, offer, make_coupon, change, customer, at
):
    """Trust 12: a coupon for the first payment alone is Stripe's to apply."""
    coupon = make_coupon("SPRING", offers=[offer], percent_bps=1_000)
    run(*SYNC)
    assert asked(offer, "SPRING", customer=customer, at=at)["discounts"]
    Redemption.objects.all().delete()
    change(coupon, percent_bps=5_000)
    with pytest.raises(CouponNotSynced):
        asked(offer, "SPRING", customer=customer, at=at)


def test_a_coupon_that_can_never_stand_at_stripe_says_why(run, stripe, offer, make_coupon, customer, at):
    """E13: the next sync would change nothing, so the buyer is not told to wait for it."""
    make_coupon("TEN_OFF", offers=[offer], percent_bps=1_000)
    run(*SYNC)
    with pytest.raises(CouponNotSynced, match="hold no underscore"):
        asked(offer, "TEN_OFF", customer=customer, at=at)


def test_another_default_profile_sells_what_was_told_to_the_first_one(
    run, stripe, offer, make_coupon, customer, settings, at
):
    """C32: its account knows neither product nor promotion code."""
    make_coupon("EVER", offers=[offer], duration="forever")
    run(*SYNC)
    assert asked(offer, customer=customer, at=at)["line_items"][0]["price_data"]["product"] == "signet_pro"
    other = merchant_create(slug="eu", name="EU", api_key="sk_test_other", actor="cli:test", at=at)
    merchant_make_default(merchant=other, actor="cli:test", at=at)
    params = asked(offer, "EVER", customer=customer, at=at)
    assert "discounts" not in params
    assert params["line_items"][0]["price_data"]["product_data"] == {"name": "Pro"}


def test_a_profile_with_the_key_of_another_account_sells_on(run, stripe, offer, customer, at):
    """C32: asked once more without the product that this account does not know."""
    run(*SYNC)
    stripe.reset()
    stripe.stand(at)
    checkout = checkout_open(
        wish=Wish(lookup_key=offer.lookup_key), account=customer, actor="cli:test", at=at
    )
    assert checkout.state == "open"
    again = checkout_present(checkout=checkout, at=at)
    assert again.session_id == checkout.session_id == stripe.objects("checkout.session")[0]["id"]
