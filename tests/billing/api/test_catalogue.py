"""The public catalogue, at our own paths and at the License Operator's."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.services.coupons import coupon_update
from billing.services.offers import offer_update

pytestmark = pytest.mark.django_db

PRODUCT = ["/api/v1/offers/default", "/authlance/license/product"]
PRODUCTS = ["/api/v1/offers", "/authlance/license/products"]
DETAILS = ["/api/v1/offers/details", "/authlance/license/payments/product-details"]
BY = {"actor": "cli:test"}


@pytest.mark.parametrize("path", PRODUCTS)
def test_anybody_reads_what_is_on_sale(path, api, make_offer, make_coupon):
    """E7: active, not internal, with features, steps and the public fields of coupons only."""
    offer = make_offer(
        "pro", features=["SSO"], pricing="tiered", tiers=[{"up_to": None, "amount_minor": 700}]
    )
    make_offer("hidden", internal=True)
    make_offer("gone", active=False)
    make_coupon("SPRING", offers=[offer], max_total=5, max_per_group=1, referrer="a friend")
    make_coupon("SECRET")
    (told,) = api.get(path).json()
    assert (told["slug"], told["features"], told["product_key"], told["plan"]) == (
        "pro", ["SSO"], "demo", "enterprise",
    )  # fmt: skip
    assert told["tiers"] == [{"up_to": None, "amount_minor": 700, "factor": "1", "per_unit": False}]
    assert told["coupons"] == [{"code": "SPRING", "active": True, "max_total": 5, "max_per_group": 1}]
    assert not {"held", "metadata", "merchant", "stripe_price", "internal"} & set(told)


@pytest.mark.parametrize("path", PRODUCTS)
def test_a_storefront_keeps_it_until_it_changes(path, api, offer, at):
    """E7: ETag and Cache-Control; 304 for who holds it, a new tag after a change."""
    first = api.get(path)
    assert first.headers["Cache-Control"] == "public, max-age=60"
    held = api.client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (held.status_code, held.content) == (304, b"")
    offer_update(offer=offer, amount_minor=1, at=at, **BY)
    assert api.client.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize("path", PRODUCT)
def test_the_default_product_is_told(path, api, make_offer):
    """E7, E14: the default subscription, else the default one-off, else the first on sale."""
    assert api.get(path).json()["code"] == "unknown_product"
    make_offer("first", position=1)
    make_offer("second", position=2)
    assert api.get(path).json()["slug"] == "first"
    make_offer("once", type="one_off", default_for="one_off")
    assert api.get(path).json()["slug"] == "once"
    make_offer("yearly", default_for="subscription")
    assert api.get(path).json()["slug"] == "yearly"


@pytest.mark.parametrize("path", PRODUCT)
def test_an_internal_default_is_told_to_nobody(path, api, make_offer):
    """E7, E8: internal entries are for sysadmins."""
    make_offer("inner", internal=True, default_for="subscription")
    assert api.get(path).json()["code"] == "unknown_product"
    make_offer("public")
    assert api.get(path).json()["slug"] == "public"


@pytest.mark.parametrize("path", DETAILS)
def test_an_internal_product_is_not_found_by_its_key(path, api, make_offer):
    """E7, E8: neither it nor its price."""
    make_offer("inner", internal=True)
    refused = api.post(path, {"lookup_key": "inner", "managed_products": 3})
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_product")


@pytest.mark.parametrize("path", DETAILS)
def test_a_product_is_looked_up_by_its_key(path, api, make_offer):
    """E7: 400 without a key, 404 for an unknown one or one that is not on sale."""
    make_offer("pro", lookup_key="Pro:2026/1")
    make_offer("gone", active=False)
    told = api.post(path, {"lookup_key": "Pro:2026/1"})
    assert (told.status_code, told.json()["slug"], told.json()["quote"]) == (200, "pro", None)
    assert api.post(path, {"lookupKey": "Pro:2026/1"}).json()["slug"] == "pro"
    missing = api.post(path, {})
    assert (missing.status_code, missing.json()["errors"][0]["pointer"]) == (400, "/lookup_key")
    for unknown in ("pro", "gone", "x"):
        assert api.post(path, {"lookup_key": unknown}).status_code == 404


@pytest.mark.parametrize("path", DETAILS)
def test_the_price_of_a_number_is_told(path, api, make_offer):
    """E10: by the first step that holds it; at least 1, and no price above the last step."""
    make_offer(
        "pro", pricing="tiered", amount_minor=1_000, tiers=[{"up_to": 9, "factor": "0.9", "per_unit": True}]
    )
    told = api.post(path, {"lookup_key": "pro", "managed_products": 9}).json()["quote"]
    assert (told["total_minor"], told["unit_minor"], told["quantity"], told["tier_up_to"]) == (
        8_100,
        900,
        9,
        9,
    )
    for wrong in (0, -1, 10, "9", 1.5):
        refused = api.post(path, {"lookup_key": "pro", "managed_products": wrong})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/managed_products")


def test_what_is_sold_out_says_so(api, make_offer, make_checkout):
    """E16: a storefront need not try."""
    offer = make_offer("rare", max_license_total=1)
    assert not api.get(PRODUCTS[0]).json()[0]["sold_out"]
    make_checkout(offer, state="reserved")
    assert api.get(PRODUCTS[0]).json()[0]["sold_out"]


def test_components_of_a_bundle_are_told(api, make_offer, make_plan):
    """E11."""
    make_offer("suite", plan=None, items=[{"plan": make_plan("core"), "quantity": 2, "managed_products": 5}])
    (told,) = api.get(PRODUCTS[0]).json()
    assert (told["product_key"], told["plan"]) == (None, None)
    assert told["components"] == [
        {"product_key": "demo", "plan": "core", "quantity": 2, "managed_products": 5}
    ]


def test_a_coupon_that_is_switched_off_says_so(api, offer, make_coupon, at):
    """E7: `active` is one of the public fields."""
    coupon_update(coupon=make_coupon(offers=[offer]), active=False, at=at, **BY)
    assert api.get(PRODUCTS[0]).json()[0]["coupons"][0]["active"] is False


def test_the_price_table_costs_the_same_queries_for_one_as_for_many(api, make_offer, make_coupon):
    """Lists: query count."""

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api.get(PRODUCTS[0]).status_code == 200
        return len(captured)

    make_coupon("A", offers=[make_offer("one")])
    few = queries()
    for number in range(4):
        make_coupon(f"B{number}", offers=[make_offer(f"more{number}", max_license_total=3)])
    assert queries() == few
