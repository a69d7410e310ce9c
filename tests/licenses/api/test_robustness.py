"""No input from outside gives a 5xx: bodies, queries and paths of every shape."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.kit.api.parsers import MAX_BODY_BYTES
from licenses.api.shapes import catalogue, keys, licenses, operator

pytestmark = pytest.mark.django_db

V1 = "/api/v1"
QUIET = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ODD: list[Any] = [
    None, True, 0, -1, 1, 2**31, 2**53, 10**17, -(10**17), 0.5, 1e308, "", " ", "x" * 300, "☃" * 70, "\u202e",
    "é́", "L-" + "A" * 26, "demo", "acme", "enterprise", "jwt", "lic1", "envelope", "EdDSA", "RS256",
    "2027-01-01T00:00:00Z", "2999-12-31T23:59:59+23:59", "1971-01-01T00:00:00-23:59", "0000-00-00T00:00:00Z",
    "http://[", "https://x.example/", "a@b.example", "sk_live_x", "lic1-x", "{}", [], {}, [[]], [None], {"": 0},
    {"sso": {"value": 1, "exp": 1}}, {"sso": 1e-300}, {"a.b": "c" * 50_000}, [{"slug": []}], ["sso", "sso"],
]  # fmt: skip
JSON = st.recursive(
    st.sampled_from(ODD)
    | st.integers(-(10**17), 10**17)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def names(shape) -> list[str]:
    return sorted(shape().fields)


OPERATIONS = {
    "licenses": ("post", "/licenses", licenses.LicenseCreateInput),
    "change": ("patch", "/licenses/{license}", licenses.LicenseUpdateInput),
    "issue": ("post", "/licenses/{license}/issue", licenses.IssueInput),
    "renew": ("post", "/licenses/{license}/renew", licenses.RenewInput),
    "suspend": ("post", "/licenses/{license}/suspend", licenses.ReasonInput),
    "reinstate": ("post", "/licenses/{license}/reinstate", licenses.OptionalReasonInput),
    "revoke": ("post", "/licenses/{license}/revoke", licenses.ReasonInput),
    "signals": ("post", "/licenses/signals", licenses.SignalInput),
    "products": ("post", "/products", catalogue.ProductCreateInput),
    "product": ("patch", "/products/demo", catalogue.ProductUpdateInput),
    "plans": ("post", "/products/demo/plans", catalogue.PlanCreateInput),
    "plan": ("patch", "/products/demo/plans/enterprise", catalogue.PlanUpdateInput),
    "keys": ("post", "/signing-keys", keys.PlaceInput),
    "import": ("post", "/signing-keys/import", keys.KeyImportInput),
    "rotate": ("post", "/signing-keys/rotate", keys.RotateInput),
    "activate": ("post", "/signing-keys/{kid}/activate", keys.ForceInput),
    "retire": ("post", "/signing-keys/{kid}/retire", keys.ForceInput),
    "revoke key": ("post", "/signing-keys/{kid}/revoke", keys.KeyRevokeInput),
    "ensure": ("post", "/authlance/license/internal/issue", operator.EnsureInput),
}


@pytest.fixture
def send(sysadmin, granted, ed_key):
    """Return a caller: `send("post", "/licenses", body)`; the places in braces are filled in."""

    def call(method: str, path: str, body: Any, **headers: str):
        path = path.format(license=granted.license.public_id, kid=ed_key.kid)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return sysadmin.client.generic(
            method.upper(),
            path if path.startswith("/authlance") else V1 + path,
            raw,
            content_type="application/json",
            headers={"Authorization": f"Bearer {sysadmin.token}", **headers},
        )

    return call


@pytest.fixture(autouse=True)
def _no_limit(settings):
    settings.API_LIMIT = settings.API_ANONYMOUS_LIMIT = "1000000/min"


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_body_breaks_an_operation(name, send, body, granted):
    method, path, shape = OPERATIONS[name]
    plausible = {
        "licenses": body(),
        "ensure": {"group": "acme", "productKey": "demo", "plan": "enterprise"},
        "signals": {"token": granted.issued.text, "signal": "denied", "reason": "seats_exhausted"},
        "plans": {"code": "pro", "name": "Pro"},
        "products": {"product_key": "atlas", "name": "Atlas"},
    }.get(name, {})

    @QUIET
    @given(st.dictionaries(st.sampled_from(names(shape)), JSON, max_size=5))
    def attack(changes):
        answer = send(method, path, {**plausible, **changes})
        assert answer.status_code < 500, (changes, answer.content)

    attack()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"{",
        b"\xff\xfe",
        b'{"a":1,"a":2}',
        b'{"seats":NaN}',
        b'{"seats":Infinity}',
        b'{"seats":1e999}',
        b'{"seats":' + b"9" * 400 + b"}",
        b'{"comment":"\\u0000"}',
        b'{"comment":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"entitlements":' + b'{"a":' * 40 + b"1" + b"}" * 41,
        b"[" * 100_000,
        b'{"comment":"' + b"x" * MAX_BODY_BYTES + b'"}',
    ],
    ids=range(18),
)
@pytest.mark.parametrize("name", ["licenses", "renew", "signals", "plans", "ensure"])
def test_no_bytes_break_an_operation(raw, name, send):
    """Trust: NUL, lone surrogates, NaN, twins, depth and size are refused before anything is done."""
    method, path, _ = OPERATIONS[name]
    answer = send(method, path, raw)
    assert answer.status_code == (413 if len(raw) > MAX_BODY_BYTES else 400)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] in {"malformed", "invalid", "body_too_large"}


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_body_of_another_type_is_refused(content_type, storefront):
    answer = storefront.client.post(
        f"{V1}/licenses",
        b"a=b",
        content_type=content_type,
        headers={"Authorization": f"Bearer {storefront.token}"},
    )
    assert answer.status_code == 400


LISTS = [
    "/licenses", "/licenses/{license}/issuances", "/licenses/{license}/history", "/products", "/presets",
    "/products/demo/plans", "/signing-keys", "/history", "/history/consistency", "/accounts",
]  # fmt: skip
PARAMETERS = [
    "account", "product", "plan", "kind", "edition", "status", "posture", "origin", "internal", "q", "cursor",
    "page_size", "expires_before", "created_after", "algorithm", "state", "active", "subject", "actor", "from",
    "to", "format",
]  # fmt: skip
QUERY = st.dictionaries(
    st.sampled_from(PARAMETERS),
    st.text(max_size=30) | st.sampled_from([str(value) for value in ODD]),
    max_size=3,
)


@pytest.mark.parametrize("path", LISTS)
def test_no_query_breaks_a_list(path, viewer, granted, enterprise):
    path = V1 + path.format(license=granted.license.public_id)

    @QUIET
    @given(QUERY)
    def attack(query):
        answer = viewer.client.get(path, query, headers={"Authorization": f"Bearer {viewer.token}"})
        assert answer.status_code < 500, (query, answer.content)

    attack()


PLACES = [
    "/licenses/{}", "/licenses/{}/status", "/issuances/{}", "/issuances/{}/artifact", "/products/{}",
    "/products/demo/plans/{}", "/signing-keys/{}", "/history/{}/proof",
]  # fmt: skip
TEXTS = st.text(max_size=40) | st.sampled_from([str(value) for value in ODD])


@QUIET
@given(place=st.sampled_from(PLACES), text=TEXTS)
def test_no_path_breaks_the_api(place, text, sysadmin, product):
    answer = sysadmin.client.get(
        V1 + place.format(quote(text, safe="")), headers={"Authorization": f"Bearer {sysadmin.token}"}
    )
    assert answer.status_code < 500, answer.content


@QUIET
@given(text=TEXTS)
def test_no_identifier_breaks_the_operators_paths(text, sysadmin, product):
    for path in (f"{quote(text, safe='')}", f"groups/{quote(text, safe='')}/licenses"):
        answer = sysadmin.client.get(
            f"/authlance/license/{path}", headers={"Authorization": f"Bearer {sysadmin.token}"}
        )
        assert answer.status_code < 500, answer.content
