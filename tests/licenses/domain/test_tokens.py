from __future__ import annotations

import base64
import hashlib
import hmac
import json

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from licenses.domain.claims import Claims
from licenses.domain.enums import Kind
from licenses.domain.keys import KeySet, public_jwk
from licenses.domain.tokens import (
    LICENSE_TYP,
    MAX_TOKEN,
    VERDICT_TYP,
    TokenError,
    decode,
    decode_document,
    encode,
    encode_document,
)
from licenses.domain.wire import b64url_encode

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def segment(value):
    return b64url_encode(value if isinstance(value, bytes) else json.dumps(value).encode())


def forge(signer, *, header=None, payload=b"{}", extra=None, drop=()):
    """A token with a true signature over whatever header and payload."""
    names = {"alg": signer.algorithm.value, "kid": signer.kid, "typ": LICENSE_TYP} | (extra or {})
    for name in drop:
        del names[name]
    message = f"{segment(names if header is None else header)}.{segment(payload)}"
    return f"{message}.{segment(signer.sign(message.encode()))}"


def refusal(text, keys):
    with pytest.raises(TokenError) as refused:
        decode(text, keys)
    return refused.value.stage, refused.value.reason


@pytest.fixture(scope="module", params=["rsa", "ed"])
def signer(request, rsa_signer, ed_signer):
    return rsa_signer if request.param == "rsa" else ed_signer


def test_a_token_reads_back_as_its_claims(signer, keys, make_claims):
    """A3: the token carries the claims, and alg, kid and typ in its header."""
    decoded = decode(encode(make_claims(), signer), keys)
    assert Claims.from_payload(decoded.claims_payload) == make_claims()
    assert dict(decoded.header) == {"alg": signer.algorithm, "kid": signer.kid, "typ": "license+jwt"}


def test_a_token_verifies_in_another_implementation(signer, make_claims):
    token = encode(make_claims(), signer)
    options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    payload = jwt.decode(
        token, signer.public_key, algorithms=[signer.algorithm], audience="demo", options=options
    )
    assert payload == make_claims().to_payload()


def test_a_token_of_another_implementation_is_read(signer, keys, make_claims):
    header = {"kid": signer.kid, "typ": LICENSE_TYP}
    text = jwt.encode(make_claims().to_payload(), signer.private_key, signer.algorithm.value, headers=header)
    assert decode(text, keys).claims_payload == make_claims().to_payload()


def test_a_default_trial_token_stays_under_one_kibibyte(rsa_signer, make_claims):
    """A3: the encoded token for a default trial stays under 1 KiB."""
    trial = make_claims(kind=Kind.TRIAL, plan="trial", seats=10, nodes=1, grace_days=3, entitlements={})
    assert len(encode(trial, rsa_signer)) < 1024


@pytest.mark.parametrize("size", [16, 47])
def test_a_large_entitlement_map_signs_and_reads_back(signer, keys, make_claims, size):
    """D19: an entitlement map of at least 16 KiB signs and verifies."""
    large = {f"feature.{n:05}": "x" * 40 for n in range(size * 1024 // 63)}
    decoded = decode(encode(make_claims(entitlements=large), signer), keys)
    assert decoded.claims_payload["ent"] == large


@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_any_changed_character_is_refused(ed_signer, keys, make_claims, data):
    """A4: a changed payload, header or signature never reads."""
    token = encode(make_claims(), ed_signer)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(ALPHABET + ".=+/ \n")).replace(token[place], "!")
    with pytest.raises(TokenError):
        decode(token[:place] + other + token[place + 1 :], keys)


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_any_truncated_or_extended_token_is_refused(ed_signer, keys, make_claims, data):
    """A4: a truncated token never reads."""
    token = encode(make_claims(), ed_signer)
    cut = data.draw(st.integers(0, len(token) - 1))
    with pytest.raises(TokenError):
        decode(token[:cut], keys)
    with pytest.raises(TokenError):
        decode(token + data.draw(st.text(min_size=1, max_size=5)), keys)


@given(st.text(max_size=200))
@settings(max_examples=80, deadline=None)
def test_no_text_makes_the_reader_fail_in_another_way(keys, text):
    with pytest.raises(TokenError):
        decode(text, keys)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"alg": "none"}, ("header", "alg_not_allowed")),
        ({"alg": "HS256"}, ("header", "alg_not_allowed")),
        ({"alg": "rs256"}, ("header", "alg_not_allowed")),
        ({"alg": "RS512"}, ("header", "alg_not_allowed")),
        ({"alg": None}, ("header", "alg_not_allowed")),
        ({"alg": ["RS256"]}, ("header", "alg_not_allowed")),
        ({"kid": ""}, ("header", "kid_missing")),
        ({"kid": 5}, ("header", "kid_missing")),
        ({"kid": "x" * 200}, ("header", "kid_missing")),
        ({"kid": "nobody"}, ("key", "kid_unknown")),
        ({"typ": "JWT"}, ("header", "typ_not_allowed")),
        ({"typ": "at+jwt"}, ("header", "typ_not_allowed")),
        ({"typ": VERDICT_TYP}, ("header", "typ_not_allowed")),
        ({"typ": "text/license+jwt"}, ("header", "typ_not_allowed")),
        ({"typ": 5}, ("header", "typ_not_allowed")),
        ({"crit": ["exp"]}, ("header", "crit_refused")),
        ({"zip": "DEF"}, ("header", "zip_refused")),
        ({"b64": False}, ("header", "b64_refused")),
        ({"jku": "https://evil.example/keys"}, ("header", "jku_refused")),
        ({"x5u": "https://evil.example/cert"}, ("header", "x5u_refused")),
        ({"jwk": {}}, ("header", "jwk_refused")),
        ({"x5c": []}, ("header", "x5c_refused")),
        ({"pad": "x" * 3000}, ("header", "header_too_large")),
    ],
)
def test_a_header_is_refused_for_its_reason(signer, keys, extra, expected):
    """A4: only the algorithm registered for the key that kid names, under the typ of a license."""
    assert refusal(forge(signer, extra=extra), keys) == expected


@pytest.mark.parametrize("name", ["alg", "kid", "typ"])
def test_a_header_without_a_required_member_is_refused(signer, keys, name):
    reasons = {"alg": "alg_not_allowed", "kid": "kid_missing", "typ": "typ_not_allowed"}
    assert refusal(forge(signer, drop=[name]), keys) == ("header", reasons[name])


@pytest.mark.parametrize(
    "typ", ["license+jwt", "application/license+jwt", "LICENSE+JWT", "Application/License+JWT"]
)
def test_typ_is_a_media_type(signer, keys, typ):
    """RFC 7515, 4.1.9: compared without case, application/ may be left out."""
    assert decode(forge(signer, extra={"typ": typ}), keys).claims_payload == {}


def test_both_names_of_ed25519_mean_the_ed25519_key(ed_signer, rsa_signer, keys):
    """RFC 9864: the fully specified name is accepted beside the old one."""
    assert decode(forge(ed_signer, extra={"alg": "Ed25519"}), keys).kid == ed_signer.kid
    assert refusal(forge(rsa_signer, extra={"alg": "Ed25519"}), keys) == ("key", "alg_key_mismatch")


def test_the_algorithm_of_the_header_is_that_of_the_key(ed_signer, keys):
    """A4: an RS256 header never reaches an Ed25519 key."""
    assert refusal(forge(ed_signer, extra={"alg": "RS256"}), keys) == ("key", "alg_key_mismatch")


def test_hmac_keyed_with_the_public_pem_is_refused(rsa_signer, keys):
    """A4: HS256 keyed with the public PEM."""
    pem = rsa_signer.public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    message = f"{segment({'alg': 'HS256', 'kid': rsa_signer.kid, 'typ': LICENSE_TYP})}.{segment(b'{}')}"
    text = f"{message}.{segment(hmac.digest(pem, message.encode(), hashlib.sha256))}"
    assert refusal(text, keys) == ("header", "alg_not_allowed")


def test_an_unsigned_token_is_refused(signer, keys):
    """A4: none, with and without a signature part."""
    head = segment({"alg": "none", "kid": signer.kid, "typ": LICENSE_TYP})
    assert refusal(f"{head}.{segment(b'{}')}.", keys) == ("header", "alg_not_allowed")
    stripped = forge(signer).rpartition(".")[0] + "."
    assert refusal(stripped, keys) == ("signature", "signature_invalid")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"exp":1,"exp":2}', "payload_duplicate_member"),
        (b'{"ent":{"a":true,"a":false}}', "payload_duplicate_member"),
        (b'{"exp":NaN}', "payload_not_finite"),
        (b'{"exp":-Infinity}', "payload_not_finite"),
        (b'{"exp":1e999}', "payload_not_finite"),
        (b'{"sub":"\\ud800"}', "payload_bad_text"),
        (b'{"sub":"\\u0000"}', "payload_bad_text"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "payload_too_deep"),
        (b"[" * 20_000, "payload_too_deep"),
        (b'{"exp":' + b"9" * 5000 + b"}", "payload_not_json"),
        (b"[]", "payload_not_object"),
        (b'"text"', "payload_not_object"),
        (b"\xef\xbb\xbf{}", "payload_not_json"),
        ("{}".encode("utf-16"), "payload_not_utf8"),
        ("{}".encode("utf-16-le"), "payload_not_json"),
        (b'{"a":"\xff"}', "payload_not_utf8"),
        (b"not json", "payload_not_json"),
        (b"{} {}", "payload_not_json"),
    ],
)
def test_a_signed_payload_is_still_read_strictly(ed_signer, keys, payload, reason):
    assert refusal(forge(ed_signer, payload=payload), keys) == ("claims", reason)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b'{"alg":"RS256","alg":"none"}', "header_duplicate_member"),
        (b"[]", "header_not_object"),
        (b"{", "header_not_json"),
        ('{"alg":"RS256"}'.encode("utf-16"), "header_not_utf8"),
        (b'{"a":[[[[[1]]]]]}', "header_too_deep"),
    ],
)
def test_a_header_is_read_strictly(ed_signer, keys, header, reason):
    assert refusal(forge(ed_signer, header=header), keys) == ("header", reason)


def test_second_spellings_are_refused(ed_signer, keys, make_claims):
    """The last character of a segment may carry bits that mean nothing: only zeros are accepted."""
    head, body, tail = encode(make_claims(), ed_signer).split(".")
    assert len(tail) % 4 == 2
    other = ALPHABET[ALPHABET.index(tail[-1]) + 1]
    assert base64.urlsafe_b64decode(tail + "==") == base64.urlsafe_b64decode(tail[:-1] + other + "==")
    assert refusal(f"{head}.{body}.{tail[:-1]}{other}", keys) == ("format", "signature_not_canonical")
    assert refusal(f"{head}.{body}.{tail}==", keys) == ("format", "signature_not_base64url")
    assert refusal(f"{head}.{body}+.{tail}", keys)[0] == "format"


@pytest.mark.parametrize("text", ["", ".", "..", "a.b", "a.b.c.d", " ", ".b.c", "a..c"])
def test_a_text_of_another_shape_is_refused(keys, text):
    assert refusal(text, keys) == ("format", "not_compact_jws")


@pytest.mark.parametrize(
    "change", [lambda t: t + "\n", lambda t: " " + t, lambda t: t.replace("e", "\u0435", 1)]
)
def test_white_space_and_foreign_letters_are_refused(ed_signer, keys, make_claims, change):
    with pytest.raises(TokenError):
        decode(change(encode(make_claims(), ed_signer)), keys)


def test_size_is_capped_before_anything_is_parsed(keys):
    assert refusal("e" * (MAX_TOKEN + 1), keys) == ("format", "too_large")


def test_an_oversized_token_is_not_written(ed_signer):
    with pytest.raises(TokenError, match="too_large"):
        encode_document({"x": "y" * MAX_TOKEN}, VERDICT_TYP, ed_signer)


def test_a_key_for_encryption_does_not_verify(rsa_signer, make_claims):
    """Keys marked `use: enc` or without `verify` in `key_ops` are refused, though their numbers fit."""
    jwk = public_jwk(rsa_signer.public_key, rsa_signer.kid, rsa_signer.algorithm)
    token = encode(make_claims(), rsa_signer)
    assert decode(token, KeySet.from_jwks({"keys": [jwk]})).kid == rsa_signer.kid
    encrypting = KeySet.from_jwks({"keys": [jwk | {"use": "enc"}]})
    assert refusal(token, encrypting) == ("key", "key_not_for_signatures")
    signing = KeySet.from_jwks({"keys": [jwk | {"key_ops": ["sign"]}]})
    assert refusal(token, signing) == ("key", "key_not_for_verifying")


def test_a_document_of_another_kind_never_passes_as_a_license(ed_signer, keys):
    document = encode_document({"ok": True}, VERDICT_TYP, ed_signer)
    assert decode_document(document, VERDICT_TYP, keys).claims_payload == {"ok": True}
    assert refusal(document, keys) == ("header", "typ_not_allowed")


def test_a_license_never_passes_as_a_document_of_another_kind(ed_signer, keys, make_claims):
    with pytest.raises(TokenError, match="typ_not_allowed"):
        decode_document(encode(make_claims(), ed_signer), VERDICT_TYP, keys)
