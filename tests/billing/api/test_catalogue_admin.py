"""The catalogue as its keepers see and change it, at our own paths and at the License Operator's."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import Coupon, Offer
from billing.selectors.catalogue import offer_by_lookup_key
from billing.selectors.seats import limit_register
from billing.services.coupons import coupon_reserve
from billing.terms import quote_of
from history.models import Event

pytestmark = pytest.mark.django_db

ADMIN = "/authlance/license/admin/products"
BASES = [ADMIN, "/api/v1/admin/offers"]
PRO = {
    "slug": "pro", "name": "Pro", "product_key": "demo", "plan": "enterprise", "type": "subscription",
    "interval": "year", "amount_minor": 9_900,
}  # fmt: skip


@pytest.fixture(params=BASES)
def base(request) -> str:
    return str(request.param)


@pytest.fixture
def put(back_office):
    """Return a caller of PUT: `put(path, body)`."""

    def call(path, body, caller=back_office):
        return caller._send("put", path, body)

    return call


def pointers(answer):
    return [error["pointer"] for error in answer.json()["errors"]]


# --- E8 ---------------------------------------------------------------------------------------------


def test_the_list_is_paged(base, viewer, make_offer):
    """E8: 20 a page unless asked for, 100 at most; a misspelt parameter is refused."""
    for number in range(21):
        make_offer(f"p{number}")
    told = viewer.get(base).json()
    assert (len(told["items"]), told["page"], told["pageSize"], told["total"]) == (20, 1, 20, 21)
    assert viewer.get(base, pageSize=500).json()["pageSize"] == 100
    assert len(viewer.get(base, page=2).json()["items"]) == 1
    assert viewer.get(base, includeInactiv="true").status_code == 400


def test_inactive_and_internal_products_are_asked_for(base, viewer, sysadmin, make_offer):
    """E8: internal ones only for the role sysadmin."""
    make_offer("on")
    make_offer("off", active=False)
    make_offer("ours", internal=True)

    def slugs(caller, **query):
        return sorted(row["slug"] for row in caller.get(base, **query).json()["items"])

    assert slugs(viewer) == slugs(sysadmin) == ["on"]
    assert slugs(viewer, includeInactive="true") == ["off", "on"]
    assert slugs(sysadmin, includeInactive="true", includeInternal="true") == ["off", "on", "ours"]
    refused = viewer.get(base, includeInternal="true")
    assert (refused.status_code, refused.json()["code"]) == (403, "sysadmin_only")
    assert viewer.get(f"{base}/ours").status_code == 404
    assert sysadmin.get(f"{base}/ours").status_code == 200


def test_the_list_costs_the_same_queries_for_one_as_for_many(base, viewer, make_offer, make_checkout):
    """E8."""

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert viewer.get(base).status_code == 200
        return len(captured)

    make_checkout(make_offer("one"))
    queries()  # the first use of a key is noted
    few = queries()
    for number in range(4):
        make_checkout(make_offer(f"more{number}"))
    assert queries() == few


# --- E9 ---------------------------------------------------------------------------------------------


def test_a_product_is_added_with_steps_and_coupons(base, back_office, enterprise):
    """E9: 201, and the storefront sees it at once."""
    body = {
        **PRO, "pricing": "tiered", "amount_minor": 1_000, "lookupKey": "pro-key",
        "pricing_tiers": [{"up_to": 10, "amount_minor": 5_000}, {"factor": "0.5", "per_unit": True}],
        "coupons": [{"code": "spring", "promotion": {"percent_off": 12.5, "duration": "repeating",
                                                     "duration_in_months": 3}}],
    }  # fmt: skip
    told = back_office.post(base, body)
    assert told.status_code == 201, told.json()
    assert (told.json()["lookup_key"], told.json()["held"], told.json()["active"]) == ("pro-key", 0, True)
    offer = offer_by_lookup_key("pro-key", on_sale=True)
    coupon = Coupon.objects.get(code="SPRING")
    assert (coupon.percent_bps, coupon.duration_months, list(coupon.offers.all())) == (1_250, 3, [offer])
    assert quote_of(offer, managed_products=20, coupon=coupon).total_minor == 8_750
    assert Event.objects.get(kind="offer.created").actor.startswith("api-key:")


def test_several_years_and_for_ever_are_terms(base, back_office, enterprise):
    """E9, E32."""
    once = {**PRO, "type": "one_off", "interval": ""}
    assert back_office.post(base, {**once, "term_days": 1095}).json()["term_days"] == 1095
    ever = back_office.post(
        base,
        {**once, "slug": "ever", "term_days": 0, "maintenance": "manual", "maintenance_amount_minor": 1_900},
    )
    assert (ever.status_code, ever.json()["maintenance"]) == (201, "manual")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"type": "rental"}, "/type"),
        ({"pricing": "haggled"}, "/pricing"),
        ({"pricing": "tiered"}, "/tiers"),
        ({"pricing": "tiered", "tiers": []}, "/tiers"),
        ({"pricing": "tiered", "tiers": [{"up_to": 0}]}, "/tiers/0/up_to"),
        ({"interval": ""}, "/interval"),
        ({"amount_minor": -1}, "/amount_minor"),
        ({"amount_minor": 1.5}, "/amount_minor"),
        ({"currency": "Euro"}, "/currency"),
        ({"product_key": "none"}, "/product_key"),
        ({"plan": "none"}, "/plan"),
        ({"product_key": None, "plan": None}, "/plan"),
        ({"slug": "No Slug"}, "/slug"),
        ({"colour": "red"}, "/colour"),
        ({"coupons": [{"code": "X", "percent_bps": 0}]}, "/coupons/0/percent_bps"),
        ({"coupons": [{"code": "X", "promotion": {"percent_off": 5, "amount_off": 5}}]},
         "/coupons/0/promotion.percent_off"),
        ({"components": [{"product_key": "pro"}]}, "/components/0/product_key"),
        ({"merchant": "nobody"}, None),
        ({"max_license_total": -1}, "/max_license_total"),
    ],
)  # fmt: skip
def test_a_bad_product_is_a_400_at_its_field(change, pointer, back_office, enterprise):
    """E9, E11: nothing is written."""
    refused = back_office.post(ADMIN, {**PRO, **change})
    if pointer is None:
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown_merchant")
    else:
        assert refused.status_code == 400
        assert pointer.replace(".", "/") in pointers(refused)
    assert not Offer.objects.exists()
    assert not Coupon.objects.exists()


def test_a_taken_name_is_a_409(base, back_office, offer, make_coupon):
    """E9: slug, lookup key, code; and nothing of the rest is written."""
    make_coupon("SPRING")
    for change in ({}, {"slug": "x", "lookup_key": "pro"},
                   {"slug": "x", "coupons": [{"code": "spring", "percent_bps": 5}]}):  # fmt: skip
        refused = back_office.post(base, {**PRO, **change})
        assert (refused.status_code, refused.json()["code"]) == (409, "exists")
    assert Offer.objects.count() == 1


def test_who_may_write(base, api, viewer, storefront, back_office, enterprise, customer, make_key, put):
    """E8, E9, E28: 401 without a credential, 403 without the scope or bound to one account."""
    bound = api.as_(make_key("full-admin", account=customer))
    assert api.get(base).status_code == api.post(base, PRO).status_code == 401
    for caller in (viewer, storefront, bound):
        assert caller.post(base, PRO).status_code == 403
    assert back_office.post(base, PRO).status_code == 201
    assert put(f"{base}/pro", {"name": "P"}, viewer).status_code == 403
    assert back_office.post(base, {**PRO, "slug": "x", "internal": True}).json()["code"] == "sysadmin_only"


def test_settings_and_caps_are_changed(base, offer, put, make_checkout):
    """E9: what is not given stays; a cap below what is held is a 409 that says how many."""
    for _ in range(2):
        make_checkout(offer, state="paid")
    told = put(f"{base}/pro", {"maxManagedProducts": 9, "max_license_total": 2}).json()
    assert (told["max_managed_products"], told["max_license_total"], told["held"]) == (9, 2, 2)
    assert told["amount_minor"] == 9_900
    refused = put(f"{base}/pro", {"max_license_total": 1})
    assert (refused.status_code, refused.json()["code"], refused.json()["held"]) == (
        409,
        "below_units_held",
        2,
    )
    assert put(f"{base}/pro", {"lookup_key": "new"}).json()["code"] == "fixed_once_sold"
    assert put(f"{base}/none", {"name": "N"}).status_code == 404


def test_what_the_file_keeps_is_refused(base, make_offer, put):
    """E9: 409 `config_managed`."""
    make_offer(config_managed=True)
    assert put(f"{base}/pro", {"name": "N"}).json()["code"] == "config_managed"


def test_a_bundle_names_its_components(base, back_office, make_offer, make_plan):
    """E11: by product and plan, or by another offer; never itself, never a bundle, nothing twice."""
    make_plan("core")
    make_offer("addon", plan=make_plan("extra"))
    body = {"slug": "suite", "name": "Suite", "type": "one_off", "amount_minor": 5_000}
    parts = [
        {"product_key": "demo", "plan": "core", "quantity": 2},
        {"productKey": "addon", "managedProducts": 3},
    ]
    told = back_office.post(base, {**body, "components": parts})
    assert told.status_code == 201, told.json()
    assert [(row["plan"], row["quantity"], row["managed_products"]) for row in told.json()["components"]] == [
        ("core", 2, None),
        ("extra", 1, 3),
    ]
    for wrong, code in (
        ([{"product_key": "other"}], "self_reference"),
        ([{"product_key": "suite"}], "bundle"),
        ([parts[0], parts[0]], "duplicate"),
        ([{"product_key": "demo"}], "required"),
    ):
        refused = back_office.post(base, {**body, "slug": "other", "components": wrong})
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, code)


# --- E26 --------------------------------------------------------------------------------------------


def test_seats_of_our_own_license_are_counted(base, viewer, back_office, make_offer, put):
    """E26: unlimited without a license of our own; beyond the limit 409 in the License Operator's words."""
    make_offer("file", config_managed=True)
    make_offer("hand")
    make_offer("off", active=False)
    usage = {"activeConfigManaged": 1, "activeCustom": 1, "activeTotal": 2}
    assert viewer.get(f"{base}/seat-usage").json() == {**usage, "seatLimit": None, "availableSeats": None}
    undo = limit_register(lambda: 2)
    try:
        assert viewer.get(f"{base}/seat-usage").json() == {**usage, "seatLimit": 2, "availableSeats": 0}
        for refused in (put(f"{base}/off", {"active": True}), back_office.post(base, PRO)):
            told = refused.json()
            assert (refused.status_code, told["error"], told["seatLimit"], told["required"]) == (
                409, "seat_limit_exceeded", 2, 3,
            )  # fmt: skip
            assert told["message"]
        assert put(f"{base}/hand", {"active": False}).status_code == 200
        assert put(f"{base}/off", {"active": True}).status_code == 200
    finally:
        undo()


# --- E12 --------------------------------------------------------------------------------------------


def test_coupons_are_kept_below_their_product(base, back_office, viewer, offer, put):
    """E12: 201, 200, 200, 204 and 404 afterwards."""
    place = f"{base}/pro/coupons"
    made = back_office.post(place, {"code": "spring", "promotion": {"amount_off": 500, "currency": "eur"}})
    assert (made.status_code, made.json()["code"], made.json()["discount"]) == (201, "SPRING", "fixed")
    (listed,) = viewer.get(place).json()["items"]
    assert (listed["code"], listed["taken"], listed["redeemed"]) == ("SPRING", 0, 0)
    changed = put(f"{place}/SPRING", {"active": False, "minManagedProducts": 2})
    assert (changed.status_code, changed.json()["active"], changed.json()["min_managed_products"]) == (
        200,
        False,
        2,
    )
    assert viewer.get(f"{place}/spring").json()["amount_minor"] == 500
    assert back_office._send("delete", f"{place}/SPRING", {}).status_code == 204
    assert viewer.get(f"{place}/SPRING").json()["code"] == "unknown_coupon"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"percent_bps": 10_001}, "/percent_bps"),
        ({"promotion": {}}, "/percent_bps"),
        ({"promotion": {"percent_off": 101}}, "/promotion/percent_off"),
        ({"promotion": {"percent_off": 5}, "percent_bps": 5}, "/percent_bps"),
        ({"promotion": {"percent_off": 5, "duration": "sometimes"}}, "/promotion/duration"),
        ({"promotion": {"percent_off": 5, "duration": "repeating"}}, "/duration_months"),
        ({"promotion": {"percent_off": 5, "duration_in_months": 5}}, "/duration_months"),
        ({"promotion": {"amount_off": 5}}, "/currency"),
        ({"behavior": "gift", "percent_bps": 5}, "/behavior"),
        ({"behavior": "product_override"}, "/override_offer"),
        ({"behavior": "product_override", "override_offer": "none"}, "/override_offer"),
        ({"code": "no spaces", "percent_bps": 5}, "/code"),
        ({"code": "", "percent_bps": 5}, "/code"),
        ({"percent_bps": 5, "max_total": -1}, "/max_total"),
        ({"percent_bps": 5, "expires_at": "tomorrow"}, "/expires_at"),
        ({"percent_bps": 5, "metadata": {"a": 1}}, "/metadata/a"),
    ],
)
def test_a_bad_coupon_is_a_400_at_its_field(change, pointer, back_office, offer):
    """E12."""
    refused = back_office.post(f"{ADMIN}/pro/coupons", {"code": "X", **change})
    assert (refused.status_code, Coupon.objects.count()) == (400, 0)
    assert pointer in pointers(refused)


def test_a_coupon_of_another_product_is_unknown_here(base, viewer, make_offer, make_coupon):
    """E12: 404."""
    make_coupon("OTHER", offers=[make_offer("other")])
    make_offer("pro")
    assert viewer.get(f"{base}/pro/coupons/OTHER").status_code == 404
    assert viewer.get(f"{base}/none/coupons").status_code == 404


def test_a_used_coupon_is_not_deleted(base, back_office, offer, make_coupon, make_checkout, customer, at):
    """C26: 409 `coupon_used`."""
    coupon = make_coupon(offers=[offer])
    coupon_reserve(coupon=coupon, checkout=make_checkout(offer), account=customer, at=at)
    refused = back_office._send("delete", f"{base}/pro/coupons/WELCOME20", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "coupon_used")


def test_creating_again_under_one_key_answers_the_same(base, back_office, enterprise):
    """Trust: Idempotency-Key on every creating POST."""
    first = back_office.post(base, PRO, key="one")
    again = back_office.post(base, PRO, key="one")
    assert (again.status_code, again.json()) == (201, first.json())
    assert Offer.objects.count() == 1
