"""Internal JWTs and sessions as credentials."""

from __future__ import annotations

import base64
import json

import jwt
import pytest
from django.conf import settings

pytestmark = pytest.mark.django_db

URL = "/api/v1/accounts"


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def test_a_signed_token_with_the_scope_passes(api, internal_token):
    """E28: secret, issuer, audience, lifetime and scope."""
    assert api.as_(internal_token(scope="accounts:read licenses:read")).get(URL).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "somebody"},
        {"aud": "another-api"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"exp": 10**30},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": 1e12},
        {"iat": 9_999_999_999},
        {"nbf": 9_999_999_999},
        {"sub": 7},
        {"sub": ""},
        {"sub": "a\ud800"},
        {"sub": "a\u0000"},
        {"sub": "a" * 256},
    ],
    ids=str,
)
def test_a_token_with_a_wrong_claim_is_401(claims, api, internal_token):
    """E28: expired or wrong audience gives 401."""
    assert api.as_(internal_token(scope="accounts:read", **claims)).get(URL).status_code == 401


def test_a_token_may_not_live_too_long(api, internal_token, clock):
    """E28: lifetime."""
    now, lifetime = int(clock.at.timestamp()), settings.INTERNAL_AUTH["lifetime_seconds"]
    for seconds, status in ((lifetime, 200), (lifetime + 1, 401)):
        token = internal_token(scope="accounts:read", exp=now + seconds)
        assert api.as_(token).get(URL).status_code == status


def test_a_token_ends_at_its_instant(api, internal_token, clock):
    now = int(clock.at.timestamp())
    assert api.as_(internal_token(scope="accounts:read", exp=now + 1)).get(URL).status_code == 200
    assert api.as_(internal_token(scope="accounts:read", exp=now)).get(URL).status_code == 401


def test_a_token_of_another_secret_is_401(api, internal_token):
    """E28: configured secret."""
    forged = internal_token(scope="accounts:read", secret="x" * 40)
    assert api.as_(forged).get(URL).status_code == 401


@pytest.mark.parametrize(
    "header", [{"alg": "none"}, {"alg": "HS512"}, {"alg": "HS256", "typ": "license+jwt"}], ids=str
)
def test_a_token_of_another_algorithm_or_kind_is_401(header, api, internal_token):
    claims = jwt.decode(internal_token(scope="accounts:read"), options={"verify_signature": False})
    key = "" if header["alg"] == "none" else settings.INTERNAL_AUTH["secret"] * 2
    token = jwt.encode(claims, key, algorithm=header["alg"], headers=header)
    assert api.as_(token).get(URL).status_code == 401


@pytest.mark.parametrize(
    "token",
    [
        "eyJ",
        "eyJhbGciOiJIUzI1NiJ9.e30.",
        f"eyJ{part(b'[' * 3000)}.e30.x",
        f"{part({'alg': 'HS256', 'x': 1})}.{part(b'[' * 3000)}.x",
        f"{part({'alg': 'HS256', 'typ': []})}.e30.x",
        f"{part({'alg': 7})}.e30.x",
        "eyJ.....",
    ],
)
def test_what_is_no_token_is_401_and_never_500(token, api):
    assert api.as_(token).get(URL).status_code == 401


def test_a_missing_scope_is_403(api, internal_token):
    """E28: missing scope gives 403."""
    answer = api.as_(internal_token(scope="licenses:read")).get(URL)
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


def test_names_that_no_database_takes_count_for_nothing(api, internal_token):
    names = ["\ud800", "a\u0000", ""]
    caller = api.as_(internal_token(scope="accounts:read", groups=names, roles=names))
    assert caller.get(URL).status_code == 200
    assert caller.get("/api/v1/accounts").json()["results"] == []


def test_the_role_sysadmin_holds_every_scope(sysadmin):
    """E28: sysadmin role for admin routes."""
    assert sysadmin.get("/api/v1/api-keys").status_code == 200


def test_a_superadmin_s_session_may_read_and_needs_the_csrf_token_to_write(signed_in, superadmin):
    browser = signed_in(superadmin)
    browser.handler.enforce_csrf_checks = True
    assert browser.get(URL).status_code == 200
    answer = browser.post(URL, {"name": "X"}, content_type="application/json")
    assert answer.status_code == 403


def test_another_user_s_session_is_no_credential(signed_in, license_manager):
    assert signed_in(license_manager).get(URL).status_code == 401


def test_a_superadmin_s_session_without_the_second_factor_reaches_no_credential(signed_in, superadmin):
    """D15: what the admin asks a second factor for, the API asks it for, too."""
    bare = signed_in(superadmin, second_factor=False)
    assert bare.get("/api/v1/accounts").status_code == 200
    answer = bare.get("/api/v1/api-keys")
    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_needed")
    assert signed_in(superadmin).get("/api/v1/api-keys").status_code == 200
