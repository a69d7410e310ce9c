"""Signing keys over HTTP."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from history.models import Event
from licenses.models import SigningKey

pytestmark = pytest.mark.django_db

URL = "/api/v1/signing-keys"


def test_a_key_is_made_staged_and_published(sysadmin, api):
    """E6: only its public half is ever answered."""
    answer = sysadmin.post(URL, {"algorithm": "EdDSA"})
    assert (answer.status_code, answer.json()["state"]) == (201, "staged")
    assert "BEGIN PUBLIC KEY" in answer.json()["public_pem"]
    assert answer.json()["kid"] in [key["kid"] for key in api.get("/.well-known/jwks.json").json()["keys"]]


def test_an_existing_key_is_imported_for_one_product(sysadmin, rsa_pem, product):
    """E6."""
    answer = sysadmin.post(f"{URL}/import", {"pem": rsa_pem.decode(), "product_key": "demo"})
    assert (answer.status_code, answer.json()["product_key"]) == (201, "demo")
    assert (answer.json()["origin"], answer.json()["algorithm"]) == ("imported", "RS256")
    again = sysadmin.post(f"{URL}/import", {"pem": rsa_pem.decode()})
    assert (again.status_code, again.json()["code"]) == (409, "key_exists")


def test_weak_foreign_and_broken_keys_are_refused(sysadmin, codes):
    """D19: fewer than 3072 bits."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    def pem(key):
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    for text, code in (
        (pem(rsa.generate_private_key(65537, 2048)), "key_too_weak"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "kty_not_supported"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "pem_invalid"),
        ("x", "pem_invalid"),
    ):
        assert codes(sysadmin.post(f"{URL}/import", {"pem": text})) == {"/pem": code}
    assert not SigningKey.objects.exists()


def test_no_answer_holds_anything_private(sysadmin, signing, rsa_pem):
    """E6, trust: keys appear in no API answer."""
    texts = [sysadmin.get(URL).content, sysadmin.get(f"{URL}/{SigningKey.objects.first().kid}").content]
    secret = re.sub(rb"-----[^-]+-----|\s", b"", rsa_pem)[:60]
    for text in texts:
        assert b"PRIVATE" not in text
        assert b"sealed" not in text
        assert secret not in text


def test_a_rotation_stages_waits_and_activates(sysadmin, ed_key, settings, clock, internal_token):
    staged = sysadmin.post(f"{URL}/rotate", {"algorithm": "EdDSA"}).json()
    early = sysadmin.post(f"{URL}/rotate", {"algorithm": "EdDSA"})
    clock.advance(timedelta(seconds=settings.KEY_PUBLISH_AHEAD_SECONDS))
    sysadmin = sysadmin.as_(internal_token(roles=["sysadmin"]))  # the first one has expired
    active = sysadmin.post(f"{URL}/rotate", {"algorithm": "EdDSA"}).json()
    assert (staged["state"], early.json()["code"]) == ("staged", "key_too_young")
    assert (active["kid"], active["state"]) == (staged["kid"], "active")
    assert sysadmin.get(f"{URL}/{ed_key.kid}").json()["state"] == "retired"


def test_a_staged_key_is_activated_by_force_only_before_its_time(sysadmin, ed_key):
    kid = sysadmin.post(URL, {"algorithm": "EdDSA"}).json()["kid"]
    assert sysadmin.post(f"{URL}/{kid}/activate", {}).json()["code"] == "key_too_young"
    assert sysadmin.post(f"{URL}/{kid}/activate", {"force": True}).json()["state"] == "active"
    assert Event.objects.filter(kind="key.rotated").exists()


def test_a_key_with_live_licenses_is_not_retired_or_revoked_by_accident(sysadmin, granted):
    kid = granted.issued.issuance.signing_key.kid
    assert sysadmin.post(f"{URL}/{kid}/retire", {}).json()["code"] == "key_in_use"
    refused = sysadmin.post(f"{URL}/{kid}/revoke", {"reason": "leaked"})
    assert (refused.status_code, refused.json()["code"], refused.json()["live"]) == (409, "key_in_use", 1)
    done = sysadmin.post(f"{URL}/{kid}/revoke", {"reason": "leaked", "force": True})
    assert (done.json()["state"], done.json()["revoked_reason"]) == ("revoked", "leaked")


def test_a_revoked_key_leaves_the_jwks(sysadmin, api, ed_key):
    sysadmin.post(f"{URL}/{ed_key.kid}/revoke", {"reason": "leaked"})
    assert api.get("/.well-known/jwks.json").json() == {"keys": []}


@pytest.mark.parametrize(
    "step", ["", "/import", "/rotate", "/{kid}/activate", "/{kid}/retire", "/{kid}/revoke"]
)
def test_no_api_key_changes_signing_keys(step, back_office, ed_key):
    """C30: master-only actions refuse every scoped key."""
    answer = back_office.post(URL + step.format(kid=ed_key.kid), {})
    assert (answer.status_code, answer.json()["code"]) == (403, "master_only")


def test_an_internal_token_without_the_role_does_not_either(api, internal_token):
    """C30, E28: the scope cannot be claimed."""
    caller = api.as_(internal_token(scope="keys:write keys:read"))
    assert caller.post(URL, {"algorithm": "EdDSA"}).status_code == 403
    assert caller.get(URL).status_code == 200


@pytest.mark.parametrize(
    "body", [{}, {"algorithm": "HS256"}, {"algorithm": "EdDSA", "bits": 1}, {"algorithm": ["EdDSA"]}]
)
def test_a_key_that_cannot_be_is_refused(body, sysadmin):
    assert sysadmin.post(URL, body).status_code == 400
    assert not SigningKey.objects.exists()


def test_keys_are_filtered(viewer, signing):
    assert [row["algorithm"] for row in viewer.get(URL, algorithm="EdDSA").json()["results"]] == ["EdDSA"]
    assert viewer.get(URL, state="staged").json()["results"] == []
    assert viewer.get(f"{URL}/nothing").status_code == 404
