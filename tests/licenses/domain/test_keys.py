from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from licenses.domain.enums import Algorithm
from licenses.domain.keys import (
    KeyMaterialError,
    KeySet,
    VerificationKey,
    check_strength,
    kid_of,
    load_private_pem,
    load_public_pem,
    public_jwk,
    thumbprint,
)
from licenses.domain.signer import Signer
from licenses.domain.wire import b64url_decode

# RFC 7638, section 3.1: the example key and its thumbprint; it has 2048 bits, so only its name is tested.
RFC_N = (
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
    "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5h"
    "ajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
)


@pytest.fixture(scope="module")
def weak_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def jwk(rsa_signer):
    return public_jwk(rsa_signer.public_key, rsa_signer.kid, Algorithm.RS256)


def pem_of(key, form=serialization.PrivateFormat.PKCS8):
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def public_pem_of(key):
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def test_the_thumbprint_is_that_of_rfc_7638():
    n = int.from_bytes(b64url_decode(RFC_N))
    key = rsa.RSAPublicNumbers(65537, n).public_key()
    assert thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert kid_of(key) == "NzbLsXh8uDCcd-6M"


def test_no_name_of_a_key_begins_as_an_option_does():
    seeds = (number.to_bytes(32, "big") for number in range(10_000))
    publics = (Ed25519PrivateKey.from_private_bytes(seed).public_key() for seed in seeds)
    key = next(public for public in publics if thumbprint(public).startswith("-"))
    assert kid_of(key) == thumbprint(key)[1:17]


def test_the_thumbprint_of_ed25519_is_that_of_rfc_8037():
    key = {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}
    (only,) = KeySet.from_jwks(key)
    assert thumbprint(only.public_key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_published_keys_read_back_as_the_same_keys(rsa_signer, ed_signer):
    published = {"keys": [public_jwk(s.public_key, s.kid, s.algorithm) for s in (rsa_signer, ed_signer)]}
    keys = KeySet.from_jwks(json.dumps(published))
    assert {key.kid: key.algorithm for key in keys} == {
        rsa_signer.kid: Algorithm.RS256,
        ed_signer.kid: Algorithm.EDDSA,
    }
    assert [key.kid for key in keys.ed25519] == [ed_signer.kid]
    assert keys.refused == {}


def test_a_published_key_has_public_members_only(jwk, ed_signer):
    assert set(jwk) == {"kty", "use", "key_ops", "alg", "kid", "n", "e"}
    other = public_jwk(ed_signer.public_key, ed_signer.kid, ed_signer.algorithm)
    assert set(other) == {"kty", "use", "key_ops", "alg", "kid", "crv", "x"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"use": "enc"}, "key_not_for_signatures"),
        ({"use": None}, "key_not_for_signatures"),
        ({"key_ops": ["encrypt"]}, "key_not_for_verifying"),
        ({"key_ops": []}, "key_not_for_verifying"),
        ({"key_ops": "verify"}, "key_not_for_verifying"),
        ({"alg": "EdDSA"}, "alg_key_mismatch"),
        ({"alg": "HS256"}, "alg_key_mismatch"),
        ({"alg": "RS512"}, "alg_key_mismatch"),
        ({"alg": ["RS256"]}, "alg_key_mismatch"),
        ({"d": "AQAB"}, "key_is_private"),
        ({"kty": "oct", "k": "AQAB"}, "key_is_private"),
        ({"kty": "EC", "crv": "P-256"}, "kty_not_supported"),
        ({"kty": "OKP", "crv": "X25519"}, "kty_not_supported"),
        ({"kty": "OKP", "crv": "Ed25519", "x": "AQAB"}, "key_invalid"),
        ({"kty": ["RSA"]}, "kty_not_supported"),
        ({"n": RFC_N}, "key_too_weak"),
        ({"n": "AQ=="}, "key_invalid"),
        ({"n": "A" * 5000}, "key_invalid"),
        ({"e": "AQ"}, "key_invalid"),
        ({"e": "AQAA"}, "key_invalid"),
        ({"n": 5}, "key_invalid"),
    ],
)
def test_a_key_that_may_not_verify_is_refused_for_its_reason(jwk, change, reason):
    """D19: weak keys, encryption keys and foreign types never verify a license."""
    keys = KeySet.from_jwks({"keys": [jwk | change]})
    assert len(keys) == 0
    assert keys.refused == {jwk["kid"]: reason}


def test_one_bad_key_leaves_the_others_of_the_set(jwk, ed_signer):
    good = public_jwk(ed_signer.public_key, ed_signer.kid, Algorithm.EDDSA)
    keys = KeySet.from_jwks({"keys": [jwk | {"use": "enc"}, good]})
    assert keys.get(ed_signer.kid) is not None
    assert keys.get(jwk["kid"]) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "jwks_not_json"),
        ("[]", "jwks_invalid"),
        ('{"keys": {}}', "jwks_invalid"),
        ('{"keys": [1]}', "jwks_invalid"),
        ('{"keys": [], "keys": []}', "jwks_duplicate_member"),
        ('{"keys": [{"kid": 5}]}', "jwks_invalid"),
        ('{"keys": [{"kid": "a"}, {"kid": "a"}]}', "kid_duplicate"),
        ('{"keys": [' + "[" * 100_000, "jwks_too_deep"),
        ('{"keys": ' + "[" * 30 + "]" * 30 + "}", "jwks_too_deep"),
        ('{"keys": [NaN]}', "jwks_not_finite"),
        (" " * 300_000, "jwks_too_large"),
        (b"\xff", "jwks_not_utf8"),
        (json.dumps({"keys": [{}] * 201}), "jwks_invalid"),
    ],
)
def test_a_key_set_that_is_none_is_refused(text, reason):
    with pytest.raises(KeyMaterialError) as refused:
        KeySet.from_jwks(text)
    assert refused.value.reason == reason


def test_two_keys_never_share_a_name(rsa_signer):
    key = rsa_signer.verification_key()
    with pytest.raises(KeyMaterialError, match="kid_duplicate"):
        KeySet([key, key])


def test_keys_load_from_pem(rsa_key, ed_key):
    for key in (rsa_key, ed_key):
        public = load_public_pem(public_pem_of(key.public_key()))
        assert kid_of(public) == kid_of(load_private_pem(pem_of(key), trusted=True).public_key())
    traditional = pem_of(rsa_key, serialization.PrivateFormat.TraditionalOpenSSL).decode()
    assert kid_of(load_private_pem(traditional).public_key()) == kid_of(rsa_key.public_key())


def test_weak_and_foreign_keys_are_refused_from_pem(weak_key):
    """D19: RSA of 3072 bits or more and Ed25519; weaker keys are refused."""
    cases = [(weak_key, "key_too_weak"), (ec.generate_private_key(ec.SECP256R1()), "kty_not_supported")]
    cases.append((x25519.X25519PrivateKey.generate(), "kty_not_supported"))
    for key, reason in cases:
        with pytest.raises(KeyMaterialError, match=reason):
            load_private_pem(pem_of(key), trusted=True)
        with pytest.raises(KeyMaterialError, match=reason):
            load_public_pem(public_pem_of(key.public_key()))


@pytest.mark.parametrize(
    "pem", [b"", b"junk", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "ü"]
)
def test_junk_is_no_key(pem):
    for load in (load_private_pem, load_public_pem):
        with pytest.raises(KeyMaterialError, match="pem_invalid"):
            load(pem)
    with pytest.raises(KeyMaterialError, match="pem_too_large"):
        load_private_pem(b"x" * 70_000)


def test_a_key_is_bound_to_its_own_algorithm(rsa_key, ed_key, weak_key):
    with pytest.raises(KeyMaterialError, match="alg_key_mismatch"):
        VerificationKey("k", Algorithm.EDDSA, rsa_key.public_key())
    with pytest.raises(KeyMaterialError, match="alg_key_mismatch"):
        Signer("k", Algorithm.RS256, ed_key)
    with pytest.raises(KeyMaterialError, match="key_too_weak"):
        Signer.of(weak_key)
    with pytest.raises(KeyMaterialError, match="kty_not_supported"):
        check_strength("secret")


def test_a_signer_does_not_show_its_key(rsa_signer):
    assert "private_key" not in repr(rsa_signer)
