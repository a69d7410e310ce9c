"""The License Operator's own paths."""

from __future__ import annotations

import jwt
import pytest

from accounts.models import Account
from history.models import Event
from licenses.models import Issuance, License

pytestmark = pytest.mark.django_db

LICENSE = "/authlance/license"
ISSUE = f"{LICENSE}/internal/issue"


@pytest.fixture
def order(customer, enterprise, signing):
    """Return a maker of E2 bodies: `order(managedProducts=5)`."""

    def make(**more):
        return {"group": "acme", "productKey": "demo", "plan": "enterprise", **more}

    return make


def claims(answer):
    return jwt.decode(answer.content.decode(), options={"verify_signature": False})


# --- E2 ---------------------------------------------------------------------------------------------


def test_a_new_license_is_issued_as_text(storefront, order, verified):
    """E2: 201."""
    answer = storefront.post(ISSUE, order())
    row = License.objects.get()
    assert (answer.status_code, answer.headers["Content-Type"]) == (201, "text/plain; charset=utf-8")
    assert verified(answer.content.decode()).claims.license_id == row.public_id
    assert answer.headers["Location"] == f"{LICENSE}/{row.public_id}"
    assert row.origin == "api"


def test_the_active_license_of_a_group_is_given_again(storefront, order):
    """E2: 200 with the same text, and no second license."""
    first = storefront.post(ISSUE, order())
    again = storefront.post(ISSUE, order(managedProducts=99))
    assert (again.status_code, again.content) == (200, first.content)
    assert License.objects.count() == Issuance.objects.count() == 1


def test_the_seats_that_were_bought_stand_in_token_and_record(storefront, order):
    """E24: managedProducts."""
    answer = storefront.post(ISSUE, order(managedProducts=7))
    assert claims(answer)["seats"] == License.objects.get().seats == 7


@pytest.mark.parametrize("exp", ["2026-12-24T18:00:00Z", "2026-12-24T19:00:00+01:00", 1_798_135_200])
def test_an_end_is_given_as_rfc_3339_or_epoch_seconds(exp, storefront, order):
    """E2."""
    answer = storefront.post(ISSUE, order(exp=exp))
    assert claims(answer)["exp"] == 1_798_135_200


def test_without_an_end_the_plan_says_it(storefront, order):
    assert claims(storefront.post(ISSUE, order(exp=None)))["exp"] == 1_803_979_800


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"group": "nobody"}, "/group"),
        ({"group": None}, "/group"),
        ({"email": "nobody"}, "/email"),
        ({"exp": "tomorrow"}, "/exp"),
        ({"exp": "2026-03-02T09:30:00Z"}, "/exp"),
        ({"exp": 10**17}, "/exp"),
        ({"exp": -(10**17)}, "/exp"),
        ({"exp": 1.5}, "/exp"),
        ({"managedProducts": -1}, "/managedProducts"),
        ({"managedProducts": "7"}, "/managedProducts"),
        ({"priceLocked": "yes"}, "/priceLocked"),
        ({"persist": 1}, "/persist"),
        ({"domain": "x" * 254}, "/domain"),
        ({"internal": True}, "/internal"),
    ],
)
def test_a_bad_payload_is_refused_at_its_member(change, pointer, storefront, order, codes):
    """E2: 400."""
    answer = storefront.post(ISSUE, order(**change))
    assert (answer.status_code, list(codes(answer))) == (400, [pointer])
    assert not License.objects.exists()


@pytest.mark.parametrize(
    ("change", "code"), [({"productKey": "x"}, "unknown_product_key"), ({"plan": "x"}, "unknown_plan")]
)
def test_an_unknown_product_key_or_plan_is_refused(change, code, storefront, order):
    """E2: 400."""
    answer = storefront.post(ISSUE, order(**change))
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_without_a_credential_nothing_is_issued(api, viewer, order):
    """E2: 401; E28: 403 without the scope."""
    assert api.post(ISSUE, order()).status_code == 401
    assert viewer.post(ISSUE, order()).status_code == 403
    assert not License.objects.exists()


def test_a_text_that_is_not_kept_leaves_its_record_and_hash(storefront, order):
    """E2: persist=false."""
    import hashlib

    answer = storefront.post(ISSUE, order(persist=False))
    row = Issuance.objects.get()
    assert row.artifact is None
    assert row.text_sha256 == hashlib.sha256(answer.content).hexdigest()


def test_a_text_that_was_not_kept_is_signed_afresh_when_it_is_asked_for_again(storefront, order):
    """E2."""
    first = storefront.post(ISSUE, order(persist=False))
    again = storefront.post(ISSUE, order())
    assert (again.status_code, License.objects.count(), Issuance.objects.count()) == (200, 1, 2)
    assert claims(again)["lic"] == claims(first)["lic"]
    assert claims(again)["jti"] != claims(first)["jti"]


def test_contact_and_domain_fill_in_what_the_account_lacks_and_change_nothing_else(
    storefront, order, customer
):
    storefront.post(ISSUE, order(email="it@acme.example", domain="other.example"))
    customer.refresh_from_db()
    assert (customer.email, customer.domain) == ("it@acme.example", "acme.example")
    storefront.post(ISSUE, order(email="new@acme.example"))
    assert Account.objects.get(slug="acme").email == "it@acme.example"


def test_a_repeated_order_with_a_key_gives_the_first_answer(storefront, order):
    first = storefront.post(ISSUE, order(), key="order-1")
    again = storefront.post(ISSUE, order(), key="order-1")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Content-Type"] == first.headers["Content-Type"]


def test_a_key_bound_to_another_group_issues_nothing(stranger, order, codes):
    answer = stranger.post(ISSUE, order())
    assert (answer.status_code, codes(answer)) == (400, {"/group": "unknown_account"})


# --- E22 --------------------------------------------------------------------------------------------


def test_an_id_gives_the_license_as_a_file(member, granted):
    """E22, E23."""
    answer = member.get(f"{LICENSE}/{granted.license.public_id}")
    assert answer.content == granted.issued.text.encode()
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert Event.objects.filter(kind="artifact.read").count() == 1


def test_any_other_identifier_is_a_group_and_gives_its_list(member, granted):
    """E22."""
    page = member.get(f"{LICENSE}/acme").json()
    assert page == member.get(f"{LICENSE}/groups/acme/licenses").json()
    assert (page["page"], page["pageSize"], page["total"]) == (1, 20, 1)
    assert page["items"][0]["licenseId"] == granted.license.public_id
    assert page["items"][0]["managedProducts"] == 25


def test_a_groups_list_has_pages_and_a_filter_by_plan(sysadmin, create, trial, customer):
    """E22."""
    path = f"{LICENSE}/groups/acme/licenses"
    made = [create()["license"]["id"] for _ in range(3)] + [create(plan="trial")["license"]["id"]]
    second = sysadmin.get(path, page=2, pageSize=3).json()
    assert [row["licenseId"] for row in second["items"]] == made[:1]
    assert [row["licenseId"] for row in sysadmin.get(path, plan="trial").json()["items"]] == made[3:]
    assert sysadmin.get(path, page=9).status_code == 404
    assert sysadmin.get(path, pageSize=1000).json()["pageSize"] == 100


@pytest.mark.parametrize("path", ["acme", "groups/acme/licenses", "groups/nobody/licenses"])
def test_only_members_of_a_group_and_sysadmins_see_its_licenses(path, stranger, granted):
    """E22: 403."""
    answer = stranger.get(f"{LICENSE}/{path}")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_your_group")


def test_a_license_of_another_group_and_none_are_refused_alike(stranger, granted):
    """E22: 403, and nothing is learnt."""
    others = stranger.get(f"{LICENSE}/{granted.license.public_id}")
    none = stranger.get(f"{LICENSE}/L-{'A' * 26}")
    assert others.status_code == none.status_code == 403
    assert others.json()["code"] == none.json()["code"] == "not_your_group"


def test_what_is_not_there_is_not_found_for_a_sysadmin(sysadmin, signing):
    assert sysadmin.get(f"{LICENSE}/L-{'A' * 26}").status_code == 404
    assert sysadmin.get(f"{LICENSE}/nobody").status_code == 404


def test_a_member_without_the_right_sees_the_list_and_no_text(api, make_key, customer, granted):
    """D15."""
    reader = api.as_(make_key("read-only", account=customer))
    assert reader.get(f"{LICENSE}/acme").status_code == 200
    answer = reader.get(f"{LICENSE}/{granted.license.public_id}")
    assert (answer.status_code, answer.json()["scope"]) == (403, "artifacts:read")


# --- E28 --------------------------------------------------------------------------------------------


def test_a_dashboard_user_reads_the_licenses_of_its_groups(api, internal_token, granted):
    """E28, E22."""
    user = api.as_(internal_token(scope="licenses:read artifacts:read", groups=["acme"]))
    assert user.get(f"{LICENSE}/acme").status_code == 200
    assert user.get(f"{LICENSE}/{granted.license.public_id}").content == granted.issued.text.encode()
    assert user.get(f"{LICENSE}/groups/globex/licenses").status_code == 403


@pytest.mark.parametrize(
    ("claim", "status"),
    [
        ({"exp": 1}, 401),
        ({"aud": "other"}, 401),
        ({"iss": "other"}, 401),
        ({"secret": "x" * 40}, 401),
        ({"exp": 4_000_000_000}, 401),
        ({"sub": None}, 401),
        ({"scope": "catalogue:read"}, 403),
        ({"scope": "licenses"}, 403),
    ],
)
def test_a_token_that_is_not_right_opens_nothing(claim, status, api, internal_token, granted):
    """E28: expired, wrong audience, too long a life, missing scope."""
    token = internal_token(**{"scope": "licenses:read", "groups": ["acme"], **claim})
    assert api.as_(token).get(f"{LICENSE}/acme").status_code == status


def test_a_license_is_no_credential(api, granted):
    """Trust: a token of another kind never passes."""
    assert api.as_(granted.issued.text).get(f"{LICENSE}/acme").status_code == 401
