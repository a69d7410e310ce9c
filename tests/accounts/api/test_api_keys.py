"""API keys and the caller itself, over HTTP."""

from __future__ import annotations

import pytest

from accounts.models import ApiKey
from accounts.roles import SCOPES

pytestmark = pytest.mark.django_db

URL = "/api/v1/api-keys"


def test_a_sysadmin_makes_a_key_that_works_at_once(sysadmin, api):
    """C30 and E28: the role sysadmin makes credentials; the token is in the answer."""
    answer = sysadmin.post(URL, {"name": "Storefront", "role": "license-issuer"})
    assert answer.status_code == 201
    me = api.as_(answer.json()["token"]).get("/api/v1/me").json()
    assert set(me["scopes"]) == SCOPES["license-issuer"]


def test_the_token_is_never_shown_again(sysadmin):
    """C30: token shown once."""
    token = sysadmin.post(URL, {"name": "Storefront", "role": "support"}).json()["token"]
    listed = sysadmin.get(URL)
    assert "token" not in listed.json()["results"][0]
    assert token.rpartition("_")[2] not in listed.content.decode()


def test_a_key_is_bound_to_an_account(sysadmin, api, customer):
    answer = sysadmin.post(URL, {"name": "Acme", "role": "support", "account": "acme"})
    assert answer.json()["account"] == "acme"
    assert api.as_(answer.json()["token"]).get("/api/v1/me").json()["groups"] == ["acme"]


def test_an_unknown_account_is_refused_at_its_field(sysadmin):
    answer = sysadmin.post(URL, {"name": "Acme", "role": "support", "account": "nobody"})
    assert answer.json()["errors"][0]["pointer"] == "/account"


@pytest.mark.parametrize("body", [{"role": "root"}, {"name": ""}, {"expires_at": "2020-01-01T00:00:00Z"}])
def test_a_field_that_breaks_a_rule_is_refused(body, sysadmin):
    answer = sysadmin.post(URL, {"name": "a", "role": "support", **body})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_revoked_key_is_refused_from_the_next_call_on(sysadmin, api, make_key):
    """C30: revocable."""
    key = api.as_(make_key("support"))
    assert key.get("/api/v1/me").status_code == 200
    prefix = ApiKey.objects.get().prefix
    assert sysadmin.post(f"{URL}/{prefix}/revoke").json()["revoked_at"]
    assert key.get("/api/v1/me").status_code == 401
    assert sysadmin.post(f"{URL}/{prefix}/revoke").json()["code"] == "already_revoked"


@pytest.mark.parametrize("role", ApiKey.RoleName.values)
def test_master_only_actions_refuse_every_scoped_key(role, api, make_key):
    """C30: refused with 403, whatever the role."""
    caller = api.as_(make_key(role))
    prefix = ApiKey.objects.get().prefix
    for answer in (
        caller.get(URL),
        caller.post(URL, {"name": "a", "role": "full-admin"}),
        caller.post(f"{URL}/{prefix}/revoke"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "master_only")


def test_a_dashboard_token_without_the_role_is_refused_too(api, internal_token):
    """E28: sysadmin role for admin routes."""
    caller = api.as_(internal_token(scope="credentials:write accounts:read"))
    assert caller.post(URL, {"name": "a", "role": "support"}).json()["code"] == "master_only"


def test_keys_are_filtered(sysadmin, make_key, customer):
    make_key("support", account=customer)
    make_key("read-only")
    for query in ({"role": "support"}, {"account": "acme"}):
        assert [row["role"] for row in sysadmin.get(URL, **query).json()["results"]] == ["support"]
    assert sysadmin.get(URL, revoked="true").json()["results"] == []
    assert len(sysadmin.get(URL, revoked="false").json()["results"]) == 2


def test_the_list_takes_the_same_queries_for_any_number_of_rows(
    sysadmin, make_key, customer, django_assert_max_num_queries
):
    for _ in range(12):
        make_key("support", account=customer)
    with django_assert_max_num_queries(1):
        sysadmin.get(URL)


def test_me_needs_a_credential_and_no_scope(api, internal_token):
    assert api.get("/api/v1/me").status_code == 401
    me = api.as_(internal_token()).get("/api/v1/me").json()
    assert (me["client"], me["scopes"], me["sees_every_group"]) == ("jwt:dashboard", [], False)
