"""Products, plans and presets over HTTP."""

from __future__ import annotations

import pytest

from history.models import Event
from licenses.models import Plan, Product

pytestmark = pytest.mark.django_db

PRODUCTS = "/api/v1/products"
PLANS = f"{PRODUCTS}/demo/plans"


@pytest.fixture
def office(back_office, product):
    """The back office with the product `demo`."""
    return back_office


def test_a_product_is_added_with_its_catalogue(back_office):
    """C20."""
    body = {
        "product_key": "atlas-2.0",
        "name": "Atlas",
        "entitlement_catalogue": [{"slug": "sso", "name": "Single sign-on"}],
    }
    answer = back_office.post(PRODUCTS, body)
    assert answer.status_code == 201
    assert (answer.json()["audience"], answer.json()["algorithm"]) == ("atlas-2.0", "RS256")
    assert back_office.get(f"{PRODUCTS}/atlas-2.0").json() == answer.json()
    assert Event.objects.get(kind="product.created").subject == "product:atlas-2.0"


def test_a_product_key_is_taken_once(office):
    answer = office.post(PRODUCTS, {"product_key": "demo", "name": "Again"})
    assert (answer.status_code, answer.json()["code"]) == (409, "exists")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"product_key": "Demo"}, "/product_key"),
        ({"product_key": "sk_live_4711"}, "/product_key"),
        ({"product_key": "lic1-x"}, "/product_key"),
        ({"product_key": "x" * 64}, "/product_key"),
        ({"name": ""}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"audience": "a b"}, "/audience"),
        ({"algorithm": "HS256"}, "/algorithm"),
        ({"default_format": "pdf"}, "/default_format"),
        ({"entitlement_catalogue": {}}, "/entitlement_catalogue"),
        ({"entitlement_catalogue": [{"slug": "Bad"}]}, "/entitlement_catalogue/0/slug"),
        ({"entitlement_catalogue": [{"slug": "x", "price": 1}]}, "/entitlement_catalogue/0/price"),
        ({"entitlement_catalogue": [{"slug": "x"}] * 501}, "/entitlement_catalogue"),
        ({"id": 7}, "/id"),
    ],
)
def test_a_product_that_cannot_be_is_refused_at_its_field(change, pointer, back_office, codes):
    answer = back_office.post(PRODUCTS, {"product_key": "atlas", "name": "Atlas", **change})
    assert answer.status_code == 400
    assert pointer in codes(answer)
    assert not Product.objects.exists()


@pytest.mark.parametrize("field", ["product_key", "audience"])
def test_what_stands_in_tokens_does_not_change(field, office, codes):
    answer = office.patch(f"{PRODUCTS}/demo", {field: "other"})
    assert (answer.status_code, codes(answer)) == (400, {f"/{field}": "unknown_field"})


def test_a_product_changes_and_an_unknown_one_is_not_found(office):
    answer = office.patch(f"{PRODUCTS}/demo", {"name": "Demo 2", "active": False})
    assert (answer.json()["name"], answer.json()["active"]) == ("Demo 2", False)
    assert office.get(PRODUCTS, active="true").json()["results"] == []
    assert office.patch(f"{PRODUCTS}/nothing", {"name": "x"}).status_code == 404


# --- plans ------------------------------------------------------------------------------------------


def plan(**more):
    return {"code": "pro", "name": "Pro", **more}


def test_a_plan_is_added_with_the_defaults_of_the_house(office):
    """C19: max machines 1, billing grace 7."""
    answer = office.post(PLANS, plan())
    assert answer.status_code == 201
    made = answer.json()
    assert (made["code"], made["product_key"], made["machines"]) == ("pro", "demo", 1)
    assert (made["billing_grace_days"], made["tier_rank"], made["recurring"]) == (7, None, False)
    assert office.get(f"{PLANS}/pro").json() == made


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        ({"code": "Pro Plan"}, "/code"),
        ({"duration_days": -1}, "/duration_days"),
        ({"duration_days": 36_526}, "/duration_days"),
        ({"grace_days": -1}, "/grace_days"),
        ({"machines": -1}, "/machines"),
        ({"tier_rank": -1}, "/tier_rank"),
        ({"tier_rank": 1001}, "/tier_rank"),
        ({"recurring": True}, "/period_days"),
        ({"recurring": True, "period_days": 0}, "/period_days"),
        ({"recurring": True, "period_days": 1831}, "/period_days"),
        ({"period_days": 30}, "/period_days"),
        ({"billing_grace_days": 91}, "/billing_grace_days"),
        ({"recurring": True, "period_days": 30, "trial_days": 31}, "/trial_days"),
        ({"trial_days": 7}, "/trial_days"),
        ({"recurring": True, "period_days": 30, "duration_days": 0}, "/duration_days"),
        ({"kind": "trial", "duration_days": 0}, "/duration_days"),
        ({"kind": "trial", "price_override_minor": 1}, "/price_override_minor"),
        ({"price_override_minor": -1}, "/price_override_minor"),
        ({"archived": True}, "/active"),
        ({"archived": True, "active": False, "public": True}, "/public"),
        ({"edition": "gold"}, "/edition"),
        ({"entitlements": {"BAD": True}}, "/entitlements"),
        ({"product": "other"}, "/product"),
    ],
)
def test_each_bad_combination_of_a_plan_is_refused(terms, pointer, office, codes):
    """C19: 400 each, on creating and on changing."""
    answer = office.post(PLANS, plan(**terms))
    assert answer.status_code == 400
    assert pointer in codes(answer)
    assert not Plan.objects.exists()


def test_all_that_is_wrong_with_a_plan_is_said_at_once(office, codes):
    """C19."""
    answer = office.post(PLANS, plan(recurring=True, archived=True, public=True))
    assert set(codes(answer)) == {"/period_days", "/active", "/public"}


def test_a_bad_change_of_a_plan_is_refused_too(office, codes):
    """C19."""
    office.post(PLANS, plan())
    answer = office.patch(f"{PLANS}/pro", {"recurring": True})
    assert (answer.status_code, list(codes(answer))) == (400, ["/period_days"])
    assert office.patch(f"{PLANS}/pro", {"seats": 5}).json()["seats"] == 5


def test_a_code_is_unique_in_its_product(office):
    """C19."""
    office.post(PLANS, plan())
    assert office.post(PLANS, plan()).json()["code"] == "exists"
    office.post(PRODUCTS, {"product_key": "atlas", "name": "Atlas"})
    assert office.post(f"{PRODUCTS}/atlas/plans", plan()).status_code == 201


def test_a_plan_uses_only_what_the_catalogue_of_its_product_has(office, codes):
    """C20: with a catalogue its slugs only, without one free text."""
    assert office.post(PLANS, plan(entitlements={"anything": True})).status_code == 201
    office.patch(f"{PLANS}/pro", {"entitlements": {}})
    office.patch(f"{PRODUCTS}/demo", {"entitlement_catalogue": [{"slug": "sso"}]})
    answer = office.post(PLANS, plan(code="max", entitlements=["sso", "audit"]))
    assert (answer.status_code, codes(answer)) == (400, {"/entitlements": "not_in_catalogue"})
    assert office.post(PLANS, plan(code="max", entitlements=["sso"])).json()["entitlements"] == {"sso": True}


def test_a_catalogue_keeps_what_plans_use(office, codes):
    """C20."""
    office.post(PLANS, plan(entitlements=["sso"]))
    answer = office.patch(f"{PRODUCTS}/demo", {"entitlement_catalogue": [{"slug": "audit"}]})
    assert (answer.status_code, codes(answer)) == (400, {"/entitlement_catalogue": "in_use"})


def test_plans_are_listed_with_filters(office):
    office.post(PLANS, plan(public=True))
    office.post(PLANS, plan(code="trial", kind="trial", duration_days=30))
    assert [row["code"] for row in office.get(PLANS, kind="trial").json()["results"]] == ["trial"]
    assert [row["code"] for row in office.get(PLANS, public="true").json()["results"]] == ["pro"]
    assert office.get(f"{PRODUCTS}/nothing/plans").status_code == 404


def test_presets_stand_in_the_order_of_their_buttons(viewer, enterprise, at):
    """D9."""
    from licenses.services.catalogue import preset_create

    for position, name in ((2, "Second"), (1, "First"), (3, "Third")):
        preset_create(name=name, plan=enterprise, position=position, actor="cli:test", at=at)
    first = viewer.get("/api/v1/presets", page_size=2).json()
    second = viewer.get("/api/v1/presets", page_size=2, cursor=first["next"]).json()
    names = [row["name"] for page in (first, second) for row in page["results"]]
    assert names == ["First", "Second", "Third"]


@pytest.mark.parametrize("role", ["read-only", "license-issuer", "support"])
def test_who_may_not_write_the_catalogue_does_not(role, api, make_key, product):
    """C30."""
    caller = api.as_(make_key(role))
    assert caller.get(PRODUCTS).status_code == 200
    assert caller.post(PLANS, plan()).status_code == 403
    assert caller.patch(f"{PRODUCTS}/demo", {"name": "x"}).status_code == 403


def test_adding_is_repeatable(office):
    answers = [office.post(PLANS, plan(), key="k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert Plan.objects.count() == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/api/v1/products"),
        ("patch", "/api/v1/products/demo"),
        ("post", "/api/v1/products/demo/plans"),
        ("patch", "/api/v1/products/demo/plans/enterprise"),
    ],
)
def test_a_key_bound_to_an_account_changes_no_catalogue(method, path, member, enterprise):
    """C30: what all customers share is not one account's to change."""
    answer = getattr(member, method)(path, {"name": "Mine"})
    assert (answer.status_code, answer.json()["code"]) == (403, "back_office_only")
