from __future__ import annotations

import base64
from datetime import timedelta
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from licenses.domain import lic1
from licenses.domain.claims import fingerprint_hash
from licenses.domain.enums import Kind
from licenses.domain.keys import KeySet
from licenses.domain.lic1 import Lic1Error, Lic1Fields, encode, parse, verify, verify_at, verify_for
from licenses.domain.signer import Signer
from licenses.domain.tokens import TokenError

slugs = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
fields = st.builds(
    Lic1Fields,
    product_uid=st.uuids(),
    license_uid=st.uuids(),
    issued_at=st.integers(0, 253_402_300_799),
    expires_at=st.none() | st.integers(1, 253_402_300_799),
    fingerprint_sha256=st.none() | st.binary(min_size=32, max_size=32).map(bytes.hex),
    trial=st.booleans(),
    test=st.booleans(),
    entitlements=st.lists(slugs, max_size=6).map(tuple),
)


def b32(data):
    return base64.b32encode(data).decode().rstrip("=")


def signed(signer, payload):
    return f"LIC1-{b32(payload)}-{b32(signer.sign(payload))}"


def v1_payload(flags=1):
    return bytes([1, flags]) + bytes(range(32)) + (1_700_000_000).to_bytes(8) + bytes([7]) * 32


def refusal(call, *args):
    with pytest.raises(TokenError) as refused:
        call(*args)
    return refused.value.stage, refused.value.reason


@given(fields)
@settings(max_examples=60, deadline=None)
def test_a_key_reads_back_as_its_fields(ed_signer, keys, wanted):
    """C21: version 2, whatever it says, in any case."""
    text = encode(wanted, ed_signer)
    assert text == text.upper()
    for spelling in (text, text.lower(), text.swapcase()):
        verified = verify(spelling, keys)
        assert (verified.fields, verified.kid) == (wanted, ed_signer.kid)


def test_the_layout_is_the_published_one(ed_signer, make_fields):
    """C21: every byte of version 2 at its place."""
    digest = "5a" * 32
    wanted = make_fields(fingerprint_sha256=digest, trial=True, entitlements=("ai", "sso"))
    payload = parse(encode(wanted, ed_signer)).payload
    assert payload[:2] == bytes([2, 0b011])
    assert UUID(bytes=payload[2:18]) == wanted.product_uid
    assert UUID(bytes=payload[18:34]) == wanted.license_uid
    assert int.from_bytes(payload[34:42]) == wanted.issued_at
    assert int.from_bytes(payload[42:50]) == wanted.expires_at
    assert payload[50:82].hex() == digest
    assert payload[82:] == b"\x02\x02ai\x03sso"


def test_a_perpetual_unbound_key_has_zeros(ed_signer, make_fields):
    payload = parse(encode(make_fields(expires_at=None), ed_signer)).payload
    assert payload[42:82] == bytes(40)


@pytest.mark.parametrize(
    ("flag", "kind"), [({"trial": True}, Kind.TRIAL), ({"test": True}, Kind.TEST), ({}, Kind.COMMERCIAL)]
)
def test_the_flags_say_the_kind(ed_signer, make_fields, flag, kind):
    """D2: the kind is inside the signed payload of every format."""
    assert parse(encode(make_fields(**flag), ed_signer)).fields.kind is kind


def test_version_1_is_read(ed_signer, keys):
    """C21: v1 parsed, never emitted; it has no expiry and no entitlements."""
    key = verify(signed(ed_signer, v1_payload()), keys).fields
    assert (key.version, key.expires_at, key.entitlements) == (1, None, ())
    assert key.fingerprint_sha256 == "07" * 32
    assert verify(signed(ed_signer, v1_payload(flags=2)), keys).fields.fingerprint_sha256 is None


def test_version_1_is_never_written(ed_signer, make_fields):
    with pytest.raises(Lic1Error, match="version_not_written"):
        encode(make_fields(version=1), ed_signer)


@pytest.mark.parametrize("change", [lambda p: p + b"\0", lambda p: p[:-1], lambda p: p[:40], lambda p: p[:1]])
@pytest.mark.parametrize("version", [1, 2])
def test_trailing_and_truncated_bytes_are_bad_format(ed_signer, keys, make_fields, version, change):
    """C21: trailing or truncated bytes are bad_format, even under a true signature."""
    payload = v1_payload() if version == 1 else lic1.pack(make_fields())
    assert refusal(verify, signed(ed_signer, change(payload)), keys) == ("format", "bad_format")


def at(payload, place, value):
    return payload[:place] + value + payload[place + len(value) :]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, b"\x03"),
        (0, b"\x00"),
        (1, b"\x08"),
        (1, b"\x80"),
        (34, b"\xff" * 8),
        (42, b"\xff" * 8),
        (50, b"\x01"),
        (82, b"\x03"),
        (82, b"\x01"),
        (83, b"\xff"),
        (84, b"\xff"),
    ],
)
def test_a_payload_that_breaks_the_layout_is_bad_format(ed_signer, keys, make_fields, place, value):
    payload = at(lic1.pack(make_fields()), place, value)
    assert refusal(verify, signed(ed_signer, payload), keys) == ("format", "bad_format")


@given(st.text(max_size=200) | st.from_regex(r"LIC1-[A-Z2-7]{1,160}-[A-Z2-7]{103}", fullmatch=True))
@settings(max_examples=80, deadline=None)
def test_no_text_makes_the_reader_fail_in_another_way(keys, text):
    with pytest.raises(TokenError):
        verify(text, keys)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_changed_character_is_refused(ed_signer, keys, make_fields, data):
    text = encode(make_fields(), ed_signer)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567-=018 "))
    if other != text[place]:
        with pytest.raises(TokenError):
            verify(text[:place] + other + text[place + 1 :], keys)


def test_second_spellings_are_refused(ed_signer, keys, make_fields):
    text = encode(make_fields(), ed_signer)
    assert refusal(parse, text + "=") == ("format", "bad_format")
    assert refusal(parse, text + "\n") == ("format", "bad_format")
    assert refusal(parse, text.replace("-", "--", 1)) == ("format", "bad_format")
    # The last of 103 characters carries two bits of the signature and three that must be zero.
    stray = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"["ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".index(text[-1]) + 1]
    assert refusal(parse, text[:-1] + stray) == ("format", "bad_format")
    # U+017F is an s, and in upper case an ASCII one.
    assert refusal(parse, text.lower().replace("s", "\u017f", 1)) == ("format", "bad_format")


def test_size_is_capped(keys):
    assert refusal(parse, "LIC1-" + "A" * lic1.MAX_KEY) == ("format", "bad_format")


def test_the_largest_key_reads_back(ed_signer, keys, make_fields):
    largest = tuple(f"{n:03}" + "x" * 252 for n in range(255))
    text = encode(make_fields(entitlements=largest), ed_signer)
    assert len(text) == lic1.MAX_KEY
    assert verify(text, keys).fields.entitlements == largest


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"entitlements": tuple(f"e{n}" for n in range(256))}, "too_many_entitlements"),
        ({"entitlements": ("x" * 256,)}, "slug_too_long"),
        ({"entitlements": ("é" * 128,)}, "slug_too_long"),
        ({"entitlements": ("",)}, "slug_empty"),
        ({"issued_at": -1}, "bad_instant"),
        ({"expires_at": 0}, "bad_instant"),
        ({"expires_at": 2**64}, "bad_instant"),
        ({"fingerprint_sha256": "zz"}, "fp_not_sha256"),
    ],
)
def test_what_the_format_cannot_say_is_refused_at_writing(ed_signer, make_fields, change, reason):
    with pytest.raises(Lic1Error) as refused:
        encode(make_fields(**change), ed_signer)
    assert refused.value.reason == reason


@pytest.mark.parametrize("value", [False, 3, "gold", {"value": True, "exp": 1_900_000_000}])
def test_a_valued_entitlement_does_not_fit(make_claims, value):
    claims = make_claims(entitlements={"sso": True, "tier": value})
    with pytest.raises(Lic1Error, match="entitlement_valued"):
        Lic1Fields.from_claims(claims, product_uid=UUID(int=1), license_uid=UUID(int=2))


def test_a_start_after_the_issue_does_not_fit(make_claims, start):
    """C21: the key has one instant for both, and would hold too early."""
    uids = {"product_uid": UUID(int=1), "license_uid": UUID(int=2)}
    issued = int(start.timestamp())
    with pytest.raises(Lic1Error, match="starts_later"):
        Lic1Fields.from_claims(make_claims(entitlements={}, not_before=issued + 1), **uids)
    earlier = make_claims(entitlements={}, not_before=issued - 1)
    assert Lic1Fields.from_claims(earlier, **uids).issued_at == issued


def test_only_ed25519_signs(rsa_signer, make_fields):
    with pytest.raises(Lic1Error, match="needs_ed25519"):
        encode(make_fields(), rsa_signer)


def test_each_ed25519_key_is_tried(ed_signer, make_fields):
    """A LIC1 key names no key: rotation needs more than one to be tried."""
    other = Signer.of(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    both = KeySet([other.verification_key(), ed_signer.verification_key()])
    text = encode(make_fields(), ed_signer)
    assert verify(text, both).kid == ed_signer.kid
    only_other = KeySet([other.verification_key()])
    assert refusal(verify, text, only_other) == ("signature", "signature_invalid")
    assert refusal(verify, text, KeySet([])) == ("key", "kid_unknown")


def test_time_is_checked_on_request(ed_signer, keys, make_fields, start):
    """C21: signature-only and with-time forms; expiry is the very second."""
    text, end = encode(make_fields(), ed_signer), start + timedelta(days=40)
    assert verify_at(text, keys, end - timedelta(seconds=1)).kid
    assert refusal(verify_at, text, keys, end) == ("claims", "expired")
    assert verify(text, keys).kid


def test_the_machine_is_checked_on_request(ed_signer, keys, make_fields, start):
    """C21: the with-fingerprint form."""
    text = encode(make_fields(fingerprint_sha256=fingerprint_hash("mac-1")), ed_signer)
    assert verify_for(text, keys, start, "mac-1").kid
    assert refusal(verify_for, text, keys, start, "mac-2") == ("claims", "fingerprint_mismatch")
    assert verify_for(encode(make_fields(), ed_signer), keys, start, "any").kid
