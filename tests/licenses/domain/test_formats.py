from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licenses.domain import envelope, formats, lic1, tokens
from licenses.domain.enums import Algorithm, Format
from licenses.domain.formats import CODECS, FormatError, Recognition, encode, from_paste, recognise, shape
from licenses.domain.tokens import VERDICT_TYP, encode_document

UIDS = {"product_uid": UUID(int=1), "license_uid": UUID(int=2)}


def test_every_format_has_a_codec():
    assert set(CODECS) == set(Format)
    assert all(codec.format is name for name, codec in CODECS.items())
    assert max(codec.max_chars for codec in CODECS.values()) == formats.MAX_TEXT


@pytest.mark.parametrize("form", list(Format))
def test_each_format_is_written_from_the_same_claims_and_recognised(form, rsa_signer, ed_signer, make_claims):
    """D19: format and algorithm can be told from the key text alone."""
    signer = rsa_signer if form is Format.ENVELOPE else ed_signer
    text = encode(form, make_claims(entitlements=["sso"]), signer=signer, **UIDS)
    found = recognise(text)
    assert (found.kind, found.format, found.algorithm) == (form.value, form, signer.algorithm)
    assert shape(text) is form


def test_an_rs256_token_says_so(rsa_signer, make_claims):
    text = encode(Format.JWT, make_claims(), signer=rsa_signer)
    assert recognise(text).algorithm is Algorithm.RS256


def test_a_format_is_signed_with_its_own_algorithms(rsa_signer, ed_signer, make_claims):
    for form, signer in ((Format.LIC1, rsa_signer), (Format.ENVELOPE, ed_signer)):
        with pytest.raises(FormatError, match="algorithm_not_for_format"):
            encode(form, make_claims(), signer=signer, **UIDS)


def test_lic1_needs_to_know_product_and_license(ed_signer, make_claims):
    with pytest.raises(FormatError, match="needs_uids"):
        encode(Format.LIC1, make_claims(entitlements={}), signer=ed_signer)


def test_a_version_1_key_is_legacy_and_still_readable(ed_signer):
    """D19: old-format keys are still recognised as legacy."""
    payload = bytes([1, 0]) + bytes(72)
    text = f"LIC1-{lic1._b32(payload)}-{lic1._b32(ed_signer.sign(payload))}"
    found = recognise(text.lower())
    assert (found.kind, found.format, found.algorithm) == (Recognition.LEGACY, Format.LIC1, Algorithm.EDDSA)


@pytest.mark.parametrize(
    "text",
    [
        "ABCD-1234-EFGH-5678",
        "abcde-12345-fghij-67890-klmno",
        "-----BEGIN LICENSE KEY-----\nAAAA\n-----END LICENSE KEY-----",
        "-----BEGIN ACME LICENCE-----\n",
    ],
)
def test_keys_of_older_generators_are_legacy(text):
    """D19: recognised, not verified."""
    found = recognise(text)
    assert (found.kind, found.format) == (Recognition.LEGACY, None)


def test_a_jwt_without_our_typ_is_legacy(rsa_signer):
    text = encode_document({"sub": "x"}, "JWT", rsa_signer)
    assert recognise(text).kind is Recognition.LEGACY
    assert recognise(text).algorithm is Algorithm.RS256


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "{}",
        "{",
        '{"format":"other/1"}',
        "LIC1-AA-AA",
        "ey.a",
        "a.b.c",
        "ABCD-1234",
        None,
        b"LIC1",
        5,
    ],
)
def test_anything_else_is_unknown(text):
    assert recognise(text).kind is Recognition.UNKNOWN


def test_other_documents_of_ours_are_no_license(ed_signer):
    assert recognise(encode_document({}, VERDICT_TYP, ed_signer)).kind is Recognition.UNKNOWN
    assert recognise("A" * (formats.MAX_TEXT + 1)).kind is Recognition.UNKNOWN


@given(st.text(max_size=100))
def test_recognising_never_raises(text):
    assert recognise(text).kind in Recognition


def test_a_pasted_key_loses_its_white_space_and_a_file_does_not(rsa_signer, ed_signer, make_claims):
    token = tokens.encode(make_claims(), ed_signer)
    assert from_paste(f"  {token}\n") == token
    file = envelope.encode(make_claims(), rsa_signer)
    assert from_paste(file) == file
