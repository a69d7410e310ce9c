from __future__ import annotations

import base64
import json
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from licenses.domain import envelope
from licenses.domain.claims import Claims
from licenses.domain.enums import Algorithm
from licenses.domain.envelope import MAX_ENVELOPE, EnvelopeError, decode, encode
from licenses.domain.keys import KeySet, VerificationKey
from licenses.domain.tokens import TokenError
from licenses.domain.wire import json_dump


@pytest.fixture(scope="module")
def text(rsa_signer, make_claims) -> str:
    return encode(make_claims(), rsa_signer)


def refusal(text, keys):
    with pytest.raises(TokenError) as refused:
        decode(text, keys)
    return refused.value.stage, refused.value.reason


def rewrite(text, **changes):
    return json_dump(json.loads(text) | changes).decode() + "\n"


def test_an_envelope_reads_back_as_its_claims(text, keys, make_claims):
    """E1: the envelope verifies with the product's public key alone."""
    assert Claims.from_payload(decode(text, keys).claims_payload) == make_claims()
    assert text.endswith("}\n")


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_changed_byte_fails(text, keys, data):
    """E1: fails after any changed byte."""
    place = data.draw(st.integers(0, len(text) - 1))
    other = chr(data.draw(st.integers(0, 255)))
    if other != text[place]:
        with pytest.raises(TokenError):
            decode(text[:place] + other + text[place + 1 :], keys)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_lost_or_added_byte_fails(text, keys, data):
    """E1: a byte more or less is a changed file as well."""
    place = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(TokenError):
        decode(text[:place] + text[place + 1 :], keys)
    with pytest.raises(TokenError):
        decode(text[:place] + data.draw(st.sampled_from(' \n\t{"A=,')) + text[place:], keys)


def test_every_single_bit_counts(rsa_signer, keys, make_claims):
    """E1: each byte of the file in turn."""
    small = encode(make_claims(entitlements={}), rsa_signer)
    survivors = [
        place
        for place in range(len(small))
        if _reads(small[:place] + chr(ord(small[place]) ^ 1) + small[place + 1 :], keys)
    ]
    assert survivors == []


def _reads(text, keys):
    try:
        decode(text, keys)
    except TokenError:
        return False
    return True


@given(st.text(max_size=200))
@settings(max_examples=60, deadline=None)
def test_no_text_makes_the_reader_fail_in_another_way(keys, text):
    with pytest.raises(TokenError):
        decode(text, keys)


def test_a_file_of_another_spelling_is_refused(text, keys):
    members = json.loads(text)
    assert refusal(json.dumps(members) + "\n", keys) == ("format", "bad_format")
    assert refusal(text.rstrip("\n"), keys) == ("format", "bad_format")
    assert refusal(text.replace("\n", "\r\n"), keys) == ("format", "bad_format")
    swapped = dict(reversed(members.items()))
    assert refusal(json_dump(swapped).decode() + "\n", keys) == ("format", "bad_format")
    assert refusal(rewrite(text, extra="x"), keys) == ("format", "bad_format")
    assert refusal(rewrite(text, signature=5), keys) == ("format", "bad_format")


def test_the_names_outside_are_signed_too(text, keys, rsa_signer):
    """No byte of the file is outside the signature: kid and alg are repeated in the payload."""
    twin = VerificationKey("twin", Algorithm.RS256, rsa_signer.public_key)
    renamed = rewrite(text, kid="twin")
    assert refusal(renamed, KeySet([*keys, twin])) == ("claims", "names_differ")


def test_only_known_rsa_keys_verify(text, keys, ed_signer, rsa_signer):
    assert refusal(text, KeySet([])) == ("key", "kid_unknown")
    assert refusal(rewrite(text, kid=ed_signer.kid), keys) == ("key", "alg_key_mismatch")
    assert refusal(rewrite(text, alg="none"), keys) == ("header", "alg_not_allowed")
    refused = KeySet([], {rsa_signer.kid: "key_not_for_signatures"})
    assert refusal(text, refused) == ("key", "key_not_for_signatures")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"[]", "payload_not_object"),
        (b"{", "payload_not_json"),
        (b'{"a":1,"a":1}', "payload_duplicate_member"),
    ],
)
def test_a_signed_payload_is_still_read_strictly(rsa_signer, keys, payload, reason):
    text = envelope._render(rsa_signer.kid, payload, rsa_signer.sign(payload))
    assert refusal(text, keys) == ("claims", reason)


def test_only_rsa_writes_envelopes(ed_signer, make_claims):
    with pytest.raises(EnvelopeError, match="needs_rsa"):
        encode(make_claims(), ed_signer)


def test_a_large_entitlement_map_fits(rsa_signer, keys, make_claims):
    """D19: an entitlement map of at least 16 KiB signs and verifies."""
    large = {f"feature.{n:05}": "x" * 40 for n in range(740)}
    text = encode(make_claims(entitlements=large), rsa_signer)
    assert decode(text, keys).claims_payload["ent"] == large
    assert refusal("{" * (MAX_ENVELOPE + 1), keys) == ("format", "bad_format")


def test_openssl_verifies_an_envelope(text, rsa_signer, tmp_path):
    """E1: with the public key alone, and a tool that is not ours."""
    members = json.loads(text)
    (tmp_path / "payload").write_bytes(base64.b64decode(members["payload"]))
    (tmp_path / "signature").write_bytes(base64.b64decode(members["signature"]))
    (tmp_path / "key.pem").write_bytes(
        rsa_signer.public_key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    command = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "payload"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "Verified OK"
