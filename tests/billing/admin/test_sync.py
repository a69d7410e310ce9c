"""The button that tells Stripe of the catalogue, in the admin."""

from __future__ import annotations

import pytest

from billing.services.coupons import coupon_update
from billing.services.offers import offer_update
from billing.services.syncing import catalogue_sync

pytestmark = pytest.mark.django_db
PAGE = "/admin/billing/offer/sync/"
OFFERS = "/admin/billing/offer/"


@pytest.fixture
def root(signed_in, superadmin, clock):
    return signed_in(superadmin)


@pytest.fixture
def viewer(signed_in, auditor, clock):
    return signed_in(auditor)


def told(answer):
    return [str(message) for message in answer.context["messages"]]


def test_the_list_of_offers_has_the_button(root, offer, stripe):
    """E33"""
    assert PAGE in root.get(OFFERS).content.decode()


def test_what_differs_is_shown_and_nothing_is_done(root, offer, stripe):
    """E33"""
    page = root.get(PAGE, follow=True).content.decode()
    assert "unit_amount: 9900" in page
    assert "Tell Stripe (2)" in page
    assert stripe.objects("product") == []


def test_the_button_tells_stripe_and_says_so(root, offer, stripe):
    """E33"""
    answer = root.post(PAGE, {"_do": "1"}, follow=True)
    assert told(answer) == ["Stripe was told: 2 changes."]
    assert [product["id"] for product in stripe.objects("product")] == ["signet_pro"]
    assert "Stripe has all of it already" in root.get(PAGE, follow=True).content.decode()


def test_text_of_the_catalogue_is_shown_as_text(root, make_offer, stripe):
    """E33"""
    make_offer(name="<script>alert(1)</script>")
    assert "<script>alert(1)" not in root.get(PAGE, follow=True).content.decode()


def test_stripe_out_of_reach_is_a_message(root, offer, stripe):
    """E33"""
    stripe.fail_next(status=503, times=2)
    assert told(root.get(PAGE, follow=True)) == ["Stripe does not answer at the moment."]
    stripe.fail_next("/v1/prices", status=500, method="POST")
    page = root.post(PAGE, {"_do": "1"}, follow=True).content.decode()
    assert "Stripe does not answer at the moment." in page


def test_what_stripe_refuses_is_a_message(root, offer, stripe):
    """E33"""
    stripe.fail_next("/v1/products", status=400, method="POST")
    assert told(root.post(PAGE, {"_do": "1"}, follow=True)) == [
        "Stripe refused product pro: An error was asked for."
    ]


def test_who_may_only_look_has_no_button_and_is_refused(viewer, offer, stripe):
    """E33"""
    assert PAGE not in viewer.get(OFFERS).content.decode()
    assert viewer.post(PAGE, {"_do": "1"}, follow=True).status_code == 403
    assert stripe.objects("product") == []


def test_what_changed_since_the_last_sync_says_so(root, offer, make_coupon, stripe, at):
    """E33: the date alone would say that Stripe knows it."""
    coupon = make_coupon("SPRING", offers=[offer])
    make_coupon("TEN_OFF", offers=[offer])
    catalogue_sync(actor="cli:test", at=at)
    lists = ("/admin/billing/offer/", "/admin/billing/coupon/")
    assert not any("changed since" in root.get(address).content.decode() for address in lists)
    assert "here only" in root.get(lists[1]).content.decode()
    offer_update(offer=offer, name="Other", actor="cli:test", at=at)
    coupon_update(coupon=coupon, percent_bps=5_000, actor="cli:test", at=at)
    assert all("changed since" in root.get(address).content.decode() for address in lists)
    page = root.get(f"/admin/billing/offer/{offer.pk}/change/").content.decode()
    assert "It has changed since: the next sync tells Stripe." in page
