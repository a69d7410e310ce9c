from __future__ import annotations

import json

import pytest

from licenses.domain.claims import Claims, ClaimsError, fingerprint_hash
from licenses.domain.enums import Edition, Kind


def test_claims_survive_their_payload(make_claims):
    claims = make_claims(
        machines=3,
        collectors=2,
        quantity=5,
        fingerprint_sha256="ab" * 32,
        online_url="https://licenses.example.com/api",
        prefer_online=True,
        kind=Kind.TEST,
    )
    assert Claims.from_payload(claims.to_payload()) == claims


def test_claims_say_the_same_as_json(make_claims):
    """A3: what is signed and what is stored are one text."""
    claims = make_claims(plan="größer")
    assert json.loads(claims.to_json()) == claims.to_payload()
    assert claims == make_claims(plan="größer")


def test_the_payload_has_the_agreed_names_in_one_order(make_claims):
    """A3: the claims of the license token, and nothing personal."""
    assert " ".join(make_claims().to_payload()) == (
        "iss sub aud lic jti iat nbf exp ver kind edition plan seats nodes ent warn grace"
    )


def test_the_kind_is_inside_the_payload(make_claims):
    """D2: commercial and test keys differ inside the signed payload."""
    assert make_claims(kind=Kind.TEST).to_payload()["kind"] == "test"


def test_a_key_may_prefer_online_validation(make_claims):
    """D20: a key may say that it prefers online validation, and where."""
    claims = make_claims(online_url="https://v.example.com", prefer_online=True)
    assert claims.to_payload()["online"] == {"prefer": True, "url": "https://v.example.com"}


def test_only_the_word_perpetual_makes_a_license_perpetual(make_claims):
    payload = make_claims(expires_at=None).to_payload()
    assert payload["perpetual"] is True
    assert Claims.from_payload(payload).perpetual
    del payload["perpetual"]
    with pytest.raises(ClaimsError, match="exp_missing"):
        Claims.from_payload(payload)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"exp": "1790000000"}, "exp_not_integer"),
        ({"exp": 1790000000.0}, "exp_not_integer"),
        ({"exp": True}, "exp_not_integer"),
        ({"exp": [1790000000]}, "exp_not_integer"),
        ({"exp": None}, "exp_not_integer"),
        ({"exp": float("nan")}, "exp_not_integer"),
        ({"exp": 10**30}, "exp_out_of_range"),
        ({"exp": 0}, "exp_out_of_range"),
        ({"exp": -5}, "exp_negative"),
        ({"exp": 1_000}, "exp_before_nbf"),
        ({"perpetual": True}, "perpetual_with_exp"),
        ({"perpetual": "yes"}, "perpetual_invalid"),
        ({"nbf": "now"}, "nbf_not_integer"),
        ({"iat": False}, "iat_not_integer"),
        ({"iat": 10**30}, "iat_out_of_range"),
        ({"nbf": -1}, "nbf_negative"),
        ({"seats": -1}, "seats_negative"),
        ({"nodes": -1}, "nodes_negative"),
        ({"seats": "5"}, "seats_not_integer"),
        ({"seats": 2**31}, "seats_out_of_range"),
        ({"machines": -1}, "machines_negative"),
        ({"collectors": 1.0}, "collectors_not_integer"),
        ({"quantity": 0}, "quantity_out_of_range"),
        ({"warn": 4000}, "warn_out_of_range"),
        ({"grace": -1}, "grace_negative"),
        ({"edition": "ultimate"}, "edition_unknown"),
        ({"edition": ["enterprise"]}, "edition_unknown"),
        ({"kind": "gift"}, "kind_unknown"),
        ({"kind": {}}, "kind_unknown"),
        ({"ver": 2}, "ver_unsupported"),
        ({"ver": True}, "ver_unsupported"),
        ({"iss": 5}, "iss_not_text"),
        ({"sub": ""}, "sub_empty"),
        ({"aud": ["demo"]}, "aud_not_text"),
        ({"lic": "L-\n"}, "lic_out_of_range"),
        ({"jti": "x" * 300}, "jti_out_of_range"),
        ({"plan": "\ud800"}, "plan_out_of_range"),
        ({"ent": "sso"}, "ent_not_a_map"),
        ({"ent": {"a": float("inf")}}, "ent_bad_number"),
        ({"fp": "AB" * 32}, "fp_not_sha256"),
        ({"fp": 5}, "fp_not_sha256"),
        ({"fp": None}, "fp_not_sha256"),
        ({"online": {"url": "ftp://x"}}, "online_invalid"),
        ({"online": {"prefer": 1}}, "online_invalid"),
        ({"online": {"else": 1}}, "online_invalid"),
        ({"online": None}, "online_invalid"),
        ({"online": {"url": "http://[bad"}}, "online_invalid"),
    ],
)
def test_a_wrong_claim_is_refused_for_its_own_reason(make_claims, change, reason):
    """A4: wrong types, ranges, editions and negative numbers each have a distinct reason."""
    with pytest.raises(ClaimsError) as refused:
        Claims.from_payload(make_claims().to_payload() | change)
    assert refused.value.reason == reason
    assert reason.startswith((f"{refused.value.claim}_", "exp_before_nbf"))


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "lic", "jti", "iat", "nbf", "exp", "kind", "ent"])
def test_a_missing_claim_is_named(make_claims, name):
    payload = make_claims().to_payload()
    del payload[name]
    with pytest.raises(ClaimsError) as refused:
        Claims.from_payload(payload)
    assert refused.value.reason == f"{name}_missing"


def test_claims_that_are_no_object_are_refused():
    with pytest.raises(ClaimsError, match="payload_not_object"):
        Claims.from_payload(["iss"])


def test_unknown_claims_are_ignored(make_claims):
    claims = make_claims()
    assert Claims.from_payload(claims.to_payload() | {"later": {"x": 1}}) == claims


def test_nonsense_cannot_be_constructed_either(make_claims):
    """A1: negative seats never reach a signer."""
    for change in ({"seats": -1}, {"edition": "enterprise"}, {"kind": "trial"}, {"prefer_online": 1}):
        with pytest.raises(ClaimsError):
            make_claims(**change)
    assert make_claims(edition=Edition.COMMUNITY).edition is Edition.COMMUNITY


def test_a_fingerprint_is_known_by_its_hash_alone():
    """C24: only a SHA-256 of the fingerprint is put into a key."""
    assert fingerprint_hash("hello") == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
