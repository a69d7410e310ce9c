from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licenses.domain import envelope, lic1, tokens
from licenses.domain.claims import fingerprint_hash
from licenses.domain.enums import Format, KeyState, Kind, Posture
from licenses.domain.keys import KeySet, VerificationKey
from licenses.domain.posture import PostureSettings
from licenses.domain.tokens import LICENSE_TYP, encode_document
from licenses.domain.verification import LEEWAY, verify

ISSUER = "https://licenses.example.com"
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def check(keys, start):
    """Verify at a day of the license, as the demo product would."""

    def call(text, **changes):
        asked = {"now": start + timedelta(days=1), "issuer": ISSUER, "audience": "demo"} | changes
        return verify(text, asked.pop("keys", keys), **asked)

    return call


@pytest.fixture(scope="module")
def token(ed_signer, make_claims):
    return tokens.encode(make_claims(), ed_signer)


@pytest.fixture(scope="module", params=list(Format))
def written(request, rsa_signer, ed_signer, make_claims, make_fields):
    """The same 40-day license in each format."""
    if request.param is Format.LIC1:
        return request.param, lic1.encode(make_fields(), ed_signer)
    write = tokens.encode if request.param is Format.JWT else envelope.encode
    return request.param, write(make_claims(), rsa_signer)


def test_a_good_license_verifies_in_every_format(check, written):
    """A5: validation is local and needs a key, a token and a clock."""
    form, text = written
    result = check(text)
    assert (result.ok, result.reason, result.format, result.posture) == (True, None, form, Posture.VALID)
    assert result.entitlements["sso"] is True
    assert result.kind is Kind.COMMERCIAL


def test_bytes_are_read_like_text(check, token):
    assert check(token.encode()).ok
    assert check(b"\xff\xfe").reason == "not_utf8"


def test_grace_and_expiry_at_their_seconds(check, written, start):
    """C23: ok inside grace, `expired` at expires + grace."""
    end = start + timedelta(days=40)
    over = end + timedelta(days=14)
    seen = [check(written[1], now=at) for at in (end - SECOND, end, over - SECOND, over)]
    assert [(item.ok, item.reason, item.in_grace_period) for item in seen] == [
        (True, None, False),
        (True, None, True),
        (True, None, True),
        (False, "expired", False),
    ]
    assert {item.grace_until for item in seen} == {over}
    assert seen[-1].posture is Posture.READ_ONLY


def test_lic1_takes_its_grace_from_the_settings(check, ed_signer, make_fields, start):
    """A9: 14 days after expiry, 3 for a trial, for a key that carries none."""
    end = start + timedelta(days=40)
    trial = lic1.encode(make_fields(trial=True), ed_signer)
    assert check(trial, now=end).grace_until == end + timedelta(days=3)
    other = PostureSettings(trial_grace_days=1)
    assert check(trial, now=end, settings=other).grace_until == end + timedelta(days=1)


def test_the_start_has_a_leeway_for_slow_clocks(check, token, start):
    early = start - LEEWAY
    assert check(token, now=early).ok
    assert check(token, now=early).posture is Posture.VALID
    refused = check(token, now=early - SECOND)
    assert (refused.stage, refused.reason) == ("claims", "not_yet_valid")
    assert refused.changes_at == early
    assert not check(token, now=start - SECOND, leeway=timedelta(0)).ok


def test_a_license_issued_in_the_future_is_refused(check, ed_signer, make_claims, start):
    future = tokens.encode(make_claims(issued_at=int(start.timestamp()) + 200_000), ed_signer)
    refused = check(future)
    assert refused.reason == "issued_in_future"
    assert not check(future, now=refused.changes_at - SECOND).ok
    assert check(future, now=refused.changes_at).ok


@pytest.mark.parametrize(
    ("asked", "stage", "reason"),
    [
        ({"issuer": "https://evil.example"}, "claims", "issuer_mismatch"),
        ({"audience": "other"}, "claims", "audience_mismatch"),
        ({"denied_jtis": {"01985f6a7c3e7b1c9d20aa51e0b4c6f2"}}, "revocation", "revoked"),
        ({"keys": KeySet([])}, "key", "kid_unknown"),
    ],
)
def test_a_good_token_for_another_place_is_refused(check, token, asked, stage, reason):
    """A4: a foreign issuer and an unknown kid each have a distinct reason."""
    refused = check(token, **asked)
    assert (refused.ok, refused.stage, refused.reason) == (False, stage, reason)
    assert refused.posture is Posture.INVALID


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"edition": "ultimate"}, "edition_unknown"),
        ({"seats": -1}, "seats_negative"),
        ({"nodes": -1}, "nodes_negative"),
        ({"exp": "1790000000"}, "exp_not_integer"),
    ],
)
def test_signed_nonsense_is_refused(check, ed_signer, make_claims, change, reason):
    """A4: unknown edition, negative seats or nodes give `invalid` with a distinct reason."""
    text = encode_document(make_claims().to_payload() | change, LICENSE_TYP, ed_signer)
    refused = check(text)
    assert (refused.stage, refused.reason, refused.posture) == ("claims", reason, Posture.INVALID)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "unknown_format"),
        ("hello", "unknown_format"),
        ("ABCD-1234-EFGH-5678", "legacy_format"),
        ("LIC1-AA-AA", "bad_format"),
        ("{}", "bad_format"),
        ("eyJ", "not_compact_jws"),
        (b"x" * 200_000, "too_large"),
        (None, "not_text"),
    ],
)
def test_a_text_that_is_no_license_is_refused_at_the_format(check, text, reason):
    """A11: malformed tokens give `invalid`, with a reason to show."""
    refused = check(text)
    assert (refused.stage, refused.reason) == ("format", reason)
    assert refused.detail


def test_a_revoked_key_is_refused_and_a_retired_one_is_not(check, token, ed_signer):
    def with_state(state):
        key = VerificationKey(ed_signer.kid, ed_signer.algorithm, ed_signer.public_key, state)
        return check(token, keys=KeySet([key]))

    refused = with_state(KeyState.REVOKED)
    assert (refused.ok, refused.stage, refused.reason) == (False, "key", "key_revoked")
    assert with_state(KeyState.RETIRED).ok
    assert with_state(KeyState.STAGED).ok


def test_a_key_signs_for_its_own_products_only(check, token, ed_signer):
    def bound_to(*audiences):
        args = (ed_signer.kid, ed_signer.algorithm, ed_signer.public_key, KeyState.ACTIVE)
        return check(token, keys=KeySet([VerificationKey(*args, frozenset(audiences))]))

    assert bound_to("demo", "other").ok
    assert bound_to("other").reason == "key_not_for_product"


def test_the_machine_is_compared_when_one_is_given(check, ed_signer, make_claims):
    """C21: signature-only, with-time and with-fingerprint forms."""
    bound = tokens.encode(make_claims(fingerprint_sha256=fingerprint_hash("mac-1")), ed_signer)
    assert check(bound).ok
    assert check(bound, fingerprint="mac-1").ok
    assert check(bound, fingerprint="mac-2").reason == "fingerprint_mismatch"
    assert check(bound, fingerprint="\ud800").reason == "fingerprint_mismatch"


def test_lic1_is_compared_by_product(check, ed_signer, make_fields):
    text = lic1.encode(make_fields(), ed_signer)
    assert check(text, product_uid=make_fields().product_uid).ok
    assert check(text, product_uid=UUID(int=9)).reason == "product_mismatch"


def test_time_can_be_left_to_the_issuer(check, token, start):
    late = check(token, now=start + timedelta(days=400), check_time=False)
    assert late.ok
    assert late.claims is not None


def test_every_failed_check_is_reported(check, ed_signer, make_claims, start):
    """The verdict is complete: the first failure never hides another."""
    bound = tokens.encode(make_claims(fingerprint_sha256=fingerprint_hash("mac-1")), ed_signer)
    result = check(bound, now=start + timedelta(days=400), audience="other", fingerprint="mac-2")
    assert [item.reason for item in result.failures] == [
        "audience_mismatch",
        "expired",
        "fingerprint_mismatch",
    ]
    assert result.reason == "audience_mismatch"


@given(st.binary(max_size=300) | st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_no_input_raises(check, raw):
    """A11: whatever the bytes, the operator gets a reason and no traceback."""
    result = check(raw)
    assert not result.ok
    assert result.stage in ("format", "header", "key", "signature", "claims")


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_mutated_license_never_verifies_and_never_raises(check, written, data):
    """A4: a changed payload or a truncated token gives `invalid`."""
    form, text = written
    place = data.draw(st.integers(0, len(text) - 1))
    changed = text[:place] + data.draw(st.characters()) + text[place + 1 :]
    same = changed.upper() == text if form is Format.LIC1 and changed.isascii() else changed == text
    assert check(changed).ok is same
    assert not check(text[:place]).ok


@given(st.integers(-3, 60), st.integers(-2, 2))
@settings(max_examples=60, deadline=None)
def test_the_answer_holds_until_it_says_that_it_changes(check, token, start, day, second):
    now = start + timedelta(days=day, seconds=second)
    here = check(token, now=now)

    def answer(result):
        return result.ok, result.reason, result.posture

    if here.changes_at is None:
        assert answer(check(token, now=now + timedelta(days=9_999))) == answer(here)
    else:
        assert answer(check(token, now=here.changes_at - timedelta(microseconds=1))) == answer(here)
        assert answer(check(token, now=here.changes_at)) != answer(here)


def test_a_naive_clock_is_a_mistake_of_the_caller(check, token):
    with pytest.raises(ValueError, match="time zone"):
        check(token, now=datetime(2026, 3, 2))  # noqa: DTZ001 - the mistake under test
