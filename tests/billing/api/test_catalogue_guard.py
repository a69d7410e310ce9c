"""What an invalid license of ours shuts, and what it leaves open (E27); caps of what is sold (C12, C13, E26)."""

from __future__ import annotations

import pytest

from billing.api import catalogue_operator_urls
from billing.errors import SeatLimitExceeded
from billing.models import Coupon, MerchantProfile, Offer
from billing.selectors.seats import seat_usage
from billing.services.catalogue_file import catalogue_load
from billing.services.coupons import coupon_delete, coupon_update
from billing.services.merchants import merchant_create, merchant_make_default, merchant_update
from billing.services.offers import offer_create, offer_update
from billing.tier_errors import SelfLicenseTier
from licenses import gates
from licenses.models import Plan
from licenses.services.catalogue import plan_update, product_update
from licenses.services.lifecycle import license_revoke
from licenses.services.selflicense import selflicense_activate, selflicense_refresh

pytestmark = [pytest.mark.django_db, pytest.mark.own_license]
ADMIN = "/authlance/license/admin/products"
BY = {"actor": "cli:test"}


@pytest.fixture(autouse=True)
def _standing_clock(clock):
    """Credentials of the tests are made by the same clock."""


@pytest.fixture
def shut(offer, make_coupon, own_pro, at):
    """Our own license was revoked, and the refresh has heard of it."""
    make_coupon("SPRING")
    license_revoke(license=own_pro, reason="unpaid", at=at, **BY)
    selflicense_refresh(at=at, **BY)


def test_every_admin_route_of_the_operator_answers_403(sysadmin, viewer, shut):
    """E27: reading ones too, and whatever is added below that path."""
    routes = [one for one in catalogue_operator_urls.urlpatterns if "license/admin/" in str(one.pattern)]
    assert routes
    for route in routes:
        path = "/authlance/" + str(route.pattern).replace("<code:slug>", "pro").replace(
            "<coupon_code:coupon>", "SPRING"
        )
        for method in getattr(route.callback, "handlers", {"GET": None}):
            answer = sysadmin._send(method.lower(), path, {})
            assert (answer.status_code, answer.json()["code"]) == (403, "catalogue_guarded"), path
    assert viewer.post(ADMIN).json()["code"] == "missing_scope"  # who may not come here is told that first


def test_no_change_of_the_catalogue_passes_over_the_api(shut, sysadmin):
    """E27: at our own paths."""
    offer = {"slug": "new", "name": "New", "product_key": "demo", "plan": "enterprise", "amount_minor": 1}
    calls = [
        ("post", "/api/v1/products", {"product_key": "new", "name": "New"}),
        ("patch", "/api/v1/products/demo", {"name": "New"}),
        ("post", "/api/v1/products/demo/plans", {"code": "new", "name": "New"}),
        ("patch", "/api/v1/products/demo/plans/enterprise", {"name": "New"}),
        ("post", "/api/v1/admin/offers", {**offer, "type": "one_off", "term_days": 30}),
        ("put", "/api/v1/admin/offers/pro", {"name": "New"}),
    ]
    for method, path, body in calls:
        answer = sysadmin._send(method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "catalogue_guarded"), (
            path,
            answer.content,
        )


def test_no_change_of_the_catalogue_passes_any_service(shut, at):
    """E27: what pages, commands and the catalogue file call."""
    by = {**BY, "at": at}
    plan, merchant = Plan.objects.get(slug="enterprise"), MerchantProfile.objects.get()
    coupon, sold = Coupon.objects.get(), Offer.objects.get()
    for call in (
        lambda: product_update(product=plan.product, name="New", **by),
        lambda: plan_update(plan=plan, name="New", **by),
        lambda: offer_update(offer=sold, name="New", **by),
        lambda: coupon_update(coupon=coupon, name="New", **by),
        lambda: coupon_delete(coupon=coupon, **by),
        lambda: merchant_update(merchant=merchant, name="New", **by),
        lambda: merchant_make_default(merchant=merchant, **by),
        lambda: catalogue_load(document={}, **by),
    ):
        with pytest.raises(gates.CatalogueGuarded):
            call()


def test_selling_reading_and_activating_go_on(shut, api, viewer, sysadmin, own_key, granted):
    """E27: the shop window, retrieval, reading; and a new key opens the catalogue again."""
    assert api.get("/authlance/license/products").status_code == 200
    assert viewer.get("/api/v1/admin/offers").status_code == 200
    assert sysadmin.get(f"/authlance/license/{granted.license.public_id}").status_code == 200
    answer = sysadmin.post("/api/v1/self-license/activate", {"key": own_key("creator")[1]})
    assert answer.json()["guard"]["state"] == "valid"
    assert sysadmin.get(ADMIN).status_code == 200


def test_ten_active_coupons_are_all_and_disabled_ones_do_not_count(make_coupon, at):
    """C12: making one and switching one on are refused alike."""
    make_coupon("OFF", active=False)
    for number in range(10):
        make_coupon(f"C{number}")
    with pytest.raises(gates.TierCap):
        make_coupon("C10")
    with pytest.raises(gates.TierCap):
        coupon_update(coupon=Coupon.objects.get(code="OFF"), active=True, at=at, **BY)
    coupon_update(coupon=Coupon.objects.get(code="C1"), active=False, at=at, **BY)
    coupon_update(coupon=Coupon.objects.get(code="OFF"), active=True, at=at, **BY)


def test_a_second_merchant_is_a_change_of_data(own_office, own_key, at):
    """C13: the slug goes into the plan, the license is issued anew and activated; no code knows the plan."""
    with pytest.raises(gates.TierCap):
        merchant_create(slug="second", name="Second", at=at, **BY)
    plan_update(
        plan=own_office.plans.get(slug="creator"), entitlements=["unlimited_merchant_profiles"], at=at, **BY
    )
    selflicense_activate(text=own_key("creator")[1], at=at, **BY)
    assert merchant_create(slug="second", name="Second", at=at, **BY).pk
    assert gates.standing_now(at).tier == "creator"


def test_the_seats_of_our_own_license_bound_the_active_offers(own_key, make_offer, at):
    """E26: the limit is the license's own number of seats."""
    selflicense_activate(text=own_key("pro", seats=1)[1], at=at, **BY)
    first = make_offer("one")
    with pytest.raises(SeatLimitExceeded):
        make_offer("two")
    assert (seat_usage().limit, seat_usage().available) == (1, 0)
    offer_update(offer=first, active=False, at=at, **BY)
    make_offer("two")


def test_an_offer_that_was_switched_off_meanwhile_takes_a_seat_again(own_key, make_offer, at):
    """E26: what counts is the row, not what the caller read of it."""
    selflicense_activate(text=own_key("pro", seats=1)[1], at=at, **BY)
    read = make_offer("one")
    offer_update(offer=Offer.objects.get(pk=read.pk), active=False, at=at, **BY)
    make_offer("two")
    with pytest.raises(SeatLimitExceeded):
        offer_update(offer=read, active=True, at=at, **BY)
    assert seat_usage().total == 1


def test_the_catalogue_file_swaps_at_the_cap(own_key, at):
    """E4, E26, C12: what goes makes room for what comes, left out or inactive; one too many is still refused."""
    selflicense_activate(text=own_key("creator", seats=1)[1], at=at, **BY)

    def load(*slugs, off=()):
        sold = {"product_key": "demo", "type": "one_off", "term_days": 30, "amount_minor": 100}
        products = [
            *({"slug": slug, **sold} for slug in slugs),
            *({"slug": slug, "active": False} for slug in off),
        ]
        coupons = [{"code": f"{slug}{number}", "percent_bps": 100} for slug in slugs for number in range(10)]
        catalogue_load(document={"products": products, "coupons": coupons}, at=at, **BY)
        return [offer.slug for offer in Offer.objects.filter(active=True)]

    assert load("one") == ["one"]
    assert load("two") == ["two"]
    assert load("three", off=["two"]) == ["three"]
    assert Coupon.objects.filter(active=True).count() == 10
    with pytest.raises((SeatLimitExceeded, gates.TierCap)):
        load("three", "four")


def test_creating_an_offer_with_too_many_coupons_makes_neither(make_coupon, enterprise, at):
    """C12, C16: all or nothing."""
    for number in range(10):
        make_coupon(f"C{number}")
    with pytest.raises(gates.TierCap):
        offer_create(
            slug="o", name="O", plan=enterprise, amount_minor=1, type="one_off", term_days=30,
            coupons=[{"code": "C11", "percent_bps": 100}], at=at, **BY,
        )  # fmt: skip
    assert not Offer.objects.exists()


def test_the_tier_of_our_own_license_does_not_change_by_a_plan(own_pro, own_office, at):
    """C29, C8."""
    from billing.services.tier_orders import tier_change_force

    with pytest.raises(SelfLicenseTier):
        tier_change_force(license=own_pro, plan=own_office.plans.get(slug="patron"), at=at, **BY)


def test_a_coupon_too_many_is_a_402_with_where_to_upgrade(back_office, make_coupon, offer):
    """C12, C16: tier, cap, count and address."""
    for number in range(10):
        make_coupon(f"C{number}")
    promotion = {"percent_off": 10, "duration": "once"}
    body = {"code": "C10", "behavior": "stripe_promotion", "promotion": promotion}
    answer = back_office.post(f"{ADMIN}/pro/coupons", body)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (402, "tier_cap")
    assert (told["tier"], told["cap"], told["used"]) == ("creator", 10, 10)
    assert told["upgrade_url"].startswith("http")
    assert "Creator" in told["detail"]
