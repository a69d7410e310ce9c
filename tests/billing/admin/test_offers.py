"""The catalogue in the admin."""

from __future__ import annotations

import pytest
from django.urls import reverse

from billing.gateway.client import key_of
from billing.models import Coupon, MerchantProfile, Offer
from billing.selectors.catalogue import default_merchant
from billing.services.coupons import coupon_reserve
from billing.services.merchants import merchant_create
from history.models import Event

pytestmark = pytest.mark.django_db

OFFERS, COUPONS, MERCHANTS = (
    "/admin/billing/offer/",
    "/admin/billing/coupon/",
    "/admin/billing/merchantprofile/",
)
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def root(signed_in, superadmin, clock):
    return signed_in(superadmin)


def page(row):
    return reverse(f"admin:billing_{row._meta.model_name}_change", args=[row.pk])


def posted(**changed):
    """What the form of an offer posts."""
    return {
        "name": "Pro", "slug": "pro", "lookup_key": "pro", "description": "", "features": "SSO\nAudit",
        "active": "on", "default_for": "", "position": "0", "plan": "", "type": "subscription",
        "pricing": "fixed", "currency": "eur", "amount_minor": "9900", "interval": "year", "interval_count": "1",
        "term_days": "", "maintenance": "", "maintenance_days": "365", "maintenance_amount_minor": "0",
        "default_seats": "1", "min_managed_products": "0", "max_managed_products": "", "max_license_total": "",
        "merchant": "", "metadata": "{}", "tiers-0-up_to": "", "components-0-plan": "", **changed,
    }  # fmt: skip


STEPS = {
    "pricing": "tiered", "amount_minor": "1000", "tiers-0-up_to": "10", "tiers-0-amount_minor": "5000",
    "tiers-1-factor": "0,5", "tiers-1-per_unit": "1",
}  # fmt: skip


def test_an_offer_is_added_with_its_steps(root, enterprise):
    """E9, E10: lines of the form are steps; what is empty is no line."""
    answer = root.post(f"{OFFERS}add/", posted(plan=enterprise.pk, **STEPS))
    assert answer.status_code == 302, answer.content.decode()
    offer = Offer.objects.get()
    assert (offer.features, offer.active, offer.plan) == (["SSO", "Audit"], True, enterprise)
    assert [
        (tier.up_to, tier.amount_minor, str(tier.factor.normalize()), tier.per_unit)
        for tier in offer.tiers.all()
    ] == [
        (10, 5000, "1", False),
        (None, 0, "0.5", True),
    ]
    assert Event.objects.get(kind="offer.created").actor.startswith("user:")


def test_a_bundle_is_added_with_its_components(root, make_plan):
    """E11."""
    core = make_plan("core")
    given = posted(**{"components-0-plan": core.pk, "components-0-quantity": "2"})
    assert root.post(f"{OFFERS}add/", given).status_code == 302
    assert [
        (item.plan, item.quantity, item.managed_products) for item in Offer.objects.get().items.all()
    ] == [(core, 2, None)]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "Name a plan, or the components of a bundle."),
        ({"pricing": "tiered"}, "A tiered offer has at least one step."),
        ({**STEPS, "tiers-0-up_to": "many"}, "Line 1: up to (empty: no bound) is a number."),
        ({"components-0-quantity": "2"}, "This field cannot be null."),
    ],
)
def test_what_is_wrong_stands_at_its_field(root, changed, words):
    """E9, E11: the form comes back with what was typed."""
    answer = root.post(f"{OFFERS}add/", posted(**changed))
    assert (answer.status_code, Offer.objects.count()) == (200, 0)
    assert words in answer.content.decode()


def test_the_price_is_told_while_the_form_is_filled_in(root, enterprise, make_coupon):
    """E10, C26: by the quote function, for seats and coupon of choice; nothing is written."""
    make_coupon("SPRING")
    given = {**posted(plan=enterprise.pk, **STEPS), "_price_seats": "20", "_price_coupon": "spring"}
    said = root.post(f"{OFFERS}price/", given).content.decode()
    assert "80.00 EUR" in said  # 20 seats at 5.00, less 20 %
    assert "- 20.00 EUR" in said
    assert not Offer.objects.exists()
    for wrong in ({"_price_coupon": "none"}, {"pricing": ""}, {"_price_seats": "0"}):
        assert "sg-warned" in root.post(f"{OFFERS}price/", {**given, **wrong}).content.decode()


def test_who_only_looks_sees_the_price_of_the_row(signed_in, auditor, clock, offer):
    """E10: the same panel without the form."""
    said = signed_in(auditor).post(f"{OFFERS}price/?offer={offer.pk}", {"_price_seats": "3"}).content.decode()
    assert "99.00 EUR" in said


def test_the_page_and_the_list_say_what_is_held(root, make_offer, make_checkout, make_plan):
    """E16: sold and on its way, of the cap."""
    offer = make_offer("pro", max_license_total=7, name=NASTY)
    make_offer("suite", plan=None, items=[{"plan": make_plan("core"), "quantity": 2}])
    make_checkout(offer, state="paid")
    listed, shown = root.get(OFFERS).content.decode(), root.get(page(offer)).content.decode()
    assert "1 of 7" in listed
    assert "Bundle: 2 x Core" in listed
    assert "1 of 7 units are sold or on their way" in shown
    assert NASTY not in listed + shown


def test_a_refused_cap_is_told_in_the_form(root, offer, make_checkout):
    """E9: below what is held."""
    for _ in range(2):
        make_checkout(offer, state="paid")
    answer = root.post(page(offer), posted(plan=offer.plan_id, max_license_total="1"))
    assert "2 units are sold or on their way" in answer.content.decode()
    assert Offer.objects.get().max_license_total is None


def test_what_the_file_keeps_is_shown_and_not_changed(root, make_offer):
    """E9."""
    offer = make_offer(config_managed=True)
    assert "The catalogue file keeps this offer" in root.get(page(offer)).content.decode()
    assert root.post(page(offer), posted(plan=offer.plan_id)).status_code == 403


def test_lists_say_what_to_do_while_they_are_empty(root):
    """Empty states."""
    assert "Nothing is sold yet" in root.get(OFFERS).content.decode()
    assert "No coupons yet" in root.get(COUPONS).content.decode()


def test_a_coupon_is_made_used_and_switched_off(root, offer, make_checkout, customer, at):
    """C26, E12: its uses are counted; a used one is not deleted."""
    given = {
        "code": "spring", "name": "", "offers": [offer.pk], "active": "on", "referrer": "",
        "behavior": "stripe_promotion", "override_offer": "", "discount": "percent", "percent_bps": "2000",
        "amount_minor": "0", "currency": "", "duration": "once", "duration_months": "", "max_total": "5",
        "max_per_group": "", "min_managed_products": "", "max_managed_products": "", "metadata": "{}",
    }  # fmt: skip
    wrong = root.post(f"{COUPONS}add/", {**given, "code": "SPRING", "percent_bps": "0"}).content.decode()
    assert "From 1 to 10000." in wrong
    answer = root.post(f"{COUPONS}add/", {**given, "code": "SPRING"})
    assert answer.status_code == 302, answer.content.decode()
    coupon = Coupon.objects.get()
    assert list(coupon.offers.all()) == [offer]
    coupon_reserve(coupon=coupon, checkout=make_checkout(offer), account=customer, at=at)
    listed = root.get(COUPONS).content.decode()
    assert "1 of 5" in listed
    assert "20 %" in listed
    assert "1 uses: 0 paid, 1 on their way." in root.get(page(coupon)).content.decode()
    refused = root.post(f"{COUPONS}{coupon.pk}/remove/", follow=True)
    assert "can only be switched off" in refused.content.decode()
    root.post(page(coupon), {name: value for name, value in given.items() if name not in {"active", "code"}})
    coupon.refresh_from_db()
    assert not coupon.active


def test_an_unused_coupon_is_deleted(root, make_coupon):
    """E12."""
    coupon = make_coupon()
    assert "Delete this code" in root.get(page(coupon)).content.decode()
    root.post(f"{COUPONS}{coupon.pk}/remove/")
    assert not Coupon.objects.exists()


def test_a_profile_takes_secrets_and_never_shows_them(root):
    """C32, trust: sealed, kept when the form leaves them empty, in no page."""
    given = {
        "name": "US", "slug": "us", "stripe_account": "acct_1", "new_api_key": "sk_test_secret",
        "new_webhook_secrets": "whsec_one\nwhsec_two", "brand": "", "support_email": "", "mail_from": "",
        "redirect_hosts": "shop.example.com", "success_url": "", "cancel_url": "",
    }  # fmt: skip
    assert root.post(f"{MERCHANTS}add/", given).status_code == 302
    row = MerchantProfile.objects.get(slug="us")
    assert (key_of(row), row.redirect_hosts) == ("sk_test_secret", ["shop.example.com"])
    kept = {name: value for name, value in given.items() if name != "slug"}
    answer = root.post(
        page(row), {**kept, "name": "United States", "new_api_key": "", "new_webhook_secrets": ""}
    )
    assert answer.status_code == 302
    row.refresh_from_db()
    assert (row.name, key_of(row)) == ("United States", "sk_test_secret")
    wrong = root.post(page(row), {**kept, "new_api_key": "pk_live_public"}).content.decode()
    assert "begins with sk_ or rk_" in wrong
    shown = root.get(page(row)).content.decode() + root.get(MERCHANTS).content.decode()
    assert "sk_test_secret" not in shown
    assert "whsec_" not in shown


def test_the_default_moves_and_what_is_used_stays(root, offer, at):
    """C32."""
    other = merchant_create(slug="us", name="US", actor="cli:test", at=at)
    first = default_merchant()
    root.post(f"{MERCHANTS}{other.pk}/default/")
    assert default_merchant() == other
    refused = root.post(f"{MERCHANTS}{other.pk}/remove/", follow=True)
    assert "make another one the default first" in refused.content.decode()
    root.post(f"{MERCHANTS}{first.pk}/remove/")
    assert list(MerchantProfile.objects.all()) == [other]
