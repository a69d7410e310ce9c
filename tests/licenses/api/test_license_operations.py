"""Licenses over HTTP: created, listed, read and changed."""

from __future__ import annotations

import jwt
import pytest

from history.models import Event
from licenses.models import Issuance, License

pytestmark = pytest.mark.django_db

URL = "/api/v1/licenses"


def test_a_license_is_created_and_signed_in_one_call(create, verified):
    """A1, A2: the record and its first snapshot."""
    made = create(seats=5, crm_ref="deal-7")
    assert (made["license"]["account"], made["license"]["seats"]) == ("acme", 5)
    assert (made["license"]["edition"], made["license"]["nodes"]) == ("enterprise", 4)
    assert (made["license"]["status"], made["license"]["crm_ref"]) == ("active", "deal-7")
    assert verified(made["text"]).claims.license_id == made["license"]["id"]
    assert Issuance.objects.get().text_sha256 == made["issuance"]["sha256"]


@pytest.mark.parametrize("lacking", ["account", "product_key", "plan"])
def test_a_license_without_its_customer_or_plan_is_refused_and_nothing_is_written(
    lacking, storefront, body, codes
):
    """A1, D3: through the API."""
    answer = storefront.post(URL, {name: value for name, value in body().items() if name != lacking})
    assert (answer.status_code, codes(answer)) == (400, {f"/{lacking}": "required"})
    assert not License.objects.exists()
    assert not Event.objects.filter(kind="license.created").exists()


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("edition", "", "invalid_choice"),
        ("edition", None, "null"),
        ("edition", "gold", "invalid_choice"),
        ("seats", -1, "min_value"),
        ("nodes", -1, "min_value"),
        ("seats", 2**31, "max_value"),
        ("seats", "5", "invalid"),
        ("seats", True, "invalid"),
        ("seats", 5.0, "invalid"),
        ("quantity", 0, "min_value"),
        ("kind", "beta", "invalid_choice"),
        ("kind", "trial", "kind_of_plan"),
        ("internal", "yes", "invalid"),
        ("expires_at", "2027-01-01", "invalid"),
        ("expires_at", "2027-01-01T00:00:00", "invalid"),
        ("expires_at", "0001-01-01T00:00:00+14:00", "invalid"),
        ("expires_at", "9999-12-31T23:59:59-14:00", "invalid"),
        ("expires_at", "2025-01-01T00:00:00Z", "not_after_start"),
        ("days", 0, "min_value"),
        ("days", 36_526, "max_value"),
        ("fingerprint_sha256", "ABC", "not_sha256"),
        ("entitlements", {"Bad Slug": True}, "bad_slug"),
        ("entitlements", {"sso": None}, "bad_value"),
        ("entitlements", "sso", "not_a_map"),
        ("online_url", "javascript:alert(1)", "bad_url"),
        ("online_url", "http://[::1", "invalid"),
        ("comment", "x" * 2001, "max_length"),
        ("format", "pdf", "invalid_choice"),
    ],
)
def test_a_value_that_no_license_may_have_is_refused_at_its_field(
    *, field, value, code, storefront, body, codes
):
    """A1, D6: negative limits, a missing edition and the rest write nothing."""
    answer = storefront.post(URL, body(**{field: value}))
    assert (answer.status_code, codes(answer).get(f"/{field}")) == (400, code)
    assert not License.objects.exists()


def test_an_account_must_exist_before_its_license(storefront, body, codes):
    """D3."""
    answer = storefront.post(URL, body(account="nobody"))
    assert (answer.status_code, codes(answer)) == (400, {"/account": "unknown_account"})


def test_an_unknown_product_key_and_plan_are_named(storefront, body):
    assert storefront.post(URL, body(product_key="nothing")).json()["code"] == "unknown_product_key"
    assert storefront.post(URL, body(plan="nothing")).json()["code"] == "unknown_plan"


@pytest.mark.parametrize(
    "field",
    ["created_by", "creator", "created_at", "status", "origin", "customer_id", "posture", "id", "channel"],
)
def test_no_body_sets_what_the_office_records(*, field, storefront, body, codes, granted, url, back_office):
    """D7: creator and creation date are neither set nor edited."""
    for answer in (storefront.post(URL, body(**{field: "x"})), back_office.patch(url(), {field: "x"})):
        assert (answer.status_code, codes(answer)) == (400, {f"/{field}": "unknown_field"})
    granted.license.refresh_from_db()
    assert (granted.license.created_by, granted.license.status) == ("cli:test", "active")


def test_account_creator_date_kind_type_count_and_comment_are_recorded(create, at):
    """D7."""
    made = create(quantity=3, comment="for the lab")["license"]
    assert made["created_by"].startswith("api-key:")
    assert made["created_at"] == "2026-03-02T09:30:00Z"
    assert (made["account"], made["kind"], made["plan"]) == ("acme", "commercial", "enterprise")
    assert (made["quantity"], made["comment"], made["origin"]) == (3, "for the lab", "api")


def test_a_test_key_says_so_in_its_payload_and_is_listed_as_one(create, viewer):
    """D2."""
    made = create(kind="test", days=30, seats=1, nodes=1)
    create()
    assert jwt.decode(made["text"], options={"verify_signature": False})["kind"] == "test"
    listed = viewer.get(URL, kind="test").json()["results"]
    assert [row["id"] for row in listed] == [made["license"]["id"]]


def test_an_internal_license_is_listed_apart_and_out_of_the_figures(create, viewer):
    """D4."""
    made = create(internal=True)["license"]
    other = create()["license"]
    assert [row["id"] for row in viewer.get(URL, internal="true").json()["results"]] == [made["id"]]
    assert [row["id"] for row in viewer.get(URL, internal="false").json()["results"]] == [other["id"]]
    assert [row.public_id for row in License.objects.all().commercial_figures()] == [other["id"]]


def test_the_token_of_a_default_trial_is_small_and_says_nothing_personal(create, trial, customer):
    """A3: claims, header and size."""
    text = create(plan=trial.slug)["text"]
    claims = jwt.decode(text, options={"verify_signature": False})
    assert len(text) < 1024
    assert jwt.get_unverified_header(text)["typ"] == "license+jwt"
    assert {"alg", "kid", "typ"} == set(jwt.get_unverified_header(text))
    assert set(claims) >= {
        "iss", "sub", "aud", "exp", "iat", "nbf", "jti", "lic", "kind", "edition", "seats", "nodes", "ent",
        "warn", "grace",
    }  # fmt: skip
    assert (claims["sub"], claims["seats"], claims["nodes"], claims["grace"]) == (
        customer.customer_id,
        10,
        1,
        3,
    )
    assert not any(word in str(claims) for word in (customer.name, "acme", "@"))


def test_a_key_may_prefer_online_validation_and_say_where(create):
    """D20."""
    made = create(prefer_online=True, online_url="https://licenses.example/validate")
    claims = jwt.decode(made["text"], options={"verify_signature": False})
    assert claims["online"] == {"prefer": True, "url": "https://licenses.example/validate"}


def test_online_validation_needs_an_address(storefront, body, codes):
    """D20."""
    assert codes(storefront.post(URL, body(prefer_online=True))) == {"/online_url": "required"}


@pytest.mark.parametrize("form", ["jwt", "lic1", "envelope"])
def test_every_format_is_signed_from_the_same_license(form, create, verified):
    """E1, D19."""
    made = create(format=form, entitlements={"sso": True})
    assert made["issuance"]["format"] == form
    assert verified(made["text"]).ok


def test_a_fingerprint_is_signed_as_its_hash_only(create):
    made = create(fingerprint_sha256="a" * 64)
    assert jwt.decode(made["text"], options={"verify_signature": False})["fp"] == "a" * 64


def test_a_plan_that_is_archived_cuts_no_license(storefront, body, enterprise, at):
    """C19."""
    from licenses.services.catalogue import plan_update

    plan_update(plan=enterprise, archived=True, active=False, public=False, actor="cli:test", at=at)
    answer = storefront.post(URL, body())
    assert (answer.status_code, answer.json()["code"]) == (409, "plan_archived")


def test_without_a_signing_key_nothing_is_created(storefront, customer, enterprise):
    answer = storefront.post(URL, {"account": "acme", "product_key": "demo", "plan": "enterprise"})
    assert (answer.status_code, answer.json()["code"]) == (503, "no_signing_key")
    assert int(answer.headers["Retry-After"]) > 0
    assert not License.objects.exists()


# --- changing ---------------------------------------------------------------------------------------


def test_changed_terms_are_signed_anew_and_the_old_snapshot_stays(back_office, url, granted):
    """E24: the seats of an issued license change by a new issuance only."""
    answer = back_office.patch(url(), {"seats": 30, "reason": "order 4712"})
    assert (answer.status_code, answer.json()["license"]["seats"]) == (200, 30)
    assert answer.json()["issuance"]["supersedes"] == granted.issued.issuance.jti_text
    assert [row.claims["seats"] for row in Issuance.objects.order_by("pk")] == [25, 30]
    assert Event.objects.get(kind="license.reissued").data["changed"] == ["seats"]


@pytest.mark.parametrize("field", ["expires_at", "starts_at", "days", "kind", "account", "plan", "internal"])
def test_what_a_license_was_cut_as_does_not_change(field, back_office, url, codes):
    answer = back_office.patch(url(), {field: "x"})
    assert (answer.status_code, codes(answer)) == (400, {f"/{field}": "unknown_field"})


# --- reading ----------------------------------------------------------------------------------------


def test_a_license_is_read_by_its_id_in_any_case(viewer, url, granted):
    answer = viewer.get(url().replace("L-", "l-").lower())
    assert (answer.status_code, answer.json()["id"]) == (200, granted.license.public_id)


@pytest.mark.parametrize("step", ["", "status", "issuances", "renewals", "history"])
def test_another_accounts_license_answers_like_an_unknown_one(step, stranger, viewer, url):
    unknown = f"{URL}/L-{'A' * 26}" + (f"/{step}" if step else "")
    mine, none = stranger.get(url(step)), viewer.get(unknown)
    assert (mine.status_code, none.status_code) == (404, 404)
    assert mine.json()["code"] == none.json()["code"] == "not_found"


@pytest.mark.parametrize("step", ["issue", "renew", "suspend", "reinstate", "revoke"])
def test_another_accounts_license_cannot_be_touched(step, stranger, url, granted):
    answer = stranger.post(url(step), {"reason": "x", "months": 1} if step == "renew" else {"reason": "x"})
    assert answer.status_code in {400, 404}
    assert Issuance.objects.count() == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"account": "acme"}, True),
        ({"account": "globex"}, False),
        ({"product": "demo"}, True),
        ({"plan": "trial"}, False),
        ({"kind": "commercial"}, True),
        ({"edition": "community"}, False),
        ({"status": "active"}, True),
        ({"posture": "valid"}, True),
        ({"origin": "staff"}, True),
        ({"expires_before": "2027-03-02T09:30:00Z"}, False),
        ({"expires_before": "2027-03-02T09:30:01Z"}, True),
        ({"expires_after": "2027-03-02T09:30:00Z"}, True),
        ({"created_after": "2026-03-02T10:30:00+01:00"}, True),
        ({"created_before": "2026-03-02T09:30:00Z"}, False),
        ({"q": "ac"}, True),
        ({"q": "glo"}, False),
        ({"q": "L-7777777"}, False),
        ({"q": "L-!!"}, False),
    ],
)
def test_lists_are_filtered(query, found, viewer, granted):
    """D10: every column has its filter."""
    assert bool(viewer.get(URL, **query).json()["results"]) is found


@pytest.mark.parametrize("length", [2, 3, 10, 27, 28])
def test_licenses_are_found_by_the_beginning_of_their_id(length, viewer, granted, create):
    create()
    wanted = granted.license.public_id
    rows = viewer.get(URL, q=wanted[:length].lower()).json()["results"]
    assert wanted in [row["id"] for row in rows]
    assert all(row["id"].startswith(wanted[:length]) for row in rows)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "beta"),
        ("status", "ended"),
        ("expires_before", "tomorrow"),
        ("expires_before", "0001-01-01T00:00:00+14:00"),
        ("account", "x" * 64),
        ("account", "\x00"),
        ("q", "\x00"),
        ("cursor", "nonsense"),
        ("misspelt", "1"),
    ],
)
def test_a_filter_that_cannot_be_used_is_refused_by_name(name, value, viewer, codes):
    answer = viewer.get(URL, **{name: value})
    assert (answer.status_code, list(codes(answer))) == (400, [f"/{name}"])


def test_pages_follow_each_other_without_a_gap(create, viewer):
    made = [create()["license"]["id"] for _ in range(5)]
    first = viewer.get(URL, page_size=2).json()
    second = viewer.get(URL, page_size=2, cursor=first["next"]).json()
    third = viewer.get(URL, page_size=2, cursor=second["next"]).json()
    pages = [row["id"] for page in (first, second, third) for row in page["results"]]
    assert pages == made[::-1]
    assert third["next"] is None


def test_a_member_sees_the_licenses_of_its_group_only(member, create, prospect, granted):
    create(account=prospect.slug)
    rows = member.get(URL).json()["results"]
    assert [row["account"] for row in rows] == ["acme"]


# --- who may ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "status"),
    [("read-only", 403), ("support", 403), ("merchant-onboard", 403), ("license-issuer", 201)],
)
def test_only_who_may_issue_creates(role, status, api, make_key, body):
    """C30: write scopes by exact name."""
    answer = api.as_(make_key(role)).post(URL, body())
    assert answer.status_code == status


def test_without_a_credential_nothing_is_answered(api, url):
    """E28."""
    assert api.get(URL).status_code == 401
    assert api.post(url("revoke"), {"reason": "x"}).status_code == 401


def test_answers_tell_the_rate_limit(viewer, granted):
    headers = viewer.get(URL).headers
    assert int(headers["RateLimit-Limit"]) > int(headers["RateLimit-Remaining"]) > 0
    assert 0 < int(headers["RateLimit-Reset"]) <= 60


def test_above_the_limit_a_caller_is_told_when_to_come_back(viewer, settings, granted):
    settings.API_LIMIT = "2/min"
    answers = [viewer.get(URL) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2].headers["Retry-After"]) > 0
