from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licenses.domain import lic1, tokens
from licenses.domain.claims import fingerprint_hash
from licenses.domain.enums import Edition, KeyState, Kind, LicenseStatus, NodeCapState, Posture
from licenses.domain.tokens import VERDICT_TYP, decode_document, encode_document
from licenses.domain.verdict import LiveFacts, Use, VerdictFacts, verdict
from licenses.domain.verdict_codes import FAILURES, WARNINGS, code_of
from licenses.domain.verification import Verification, verify

SECOND = timedelta(seconds=1)
BOUND = fingerprint_hash("mac-1")


@pytest.fixture(scope="module")
def live(start):
    """The row of the 40-day license, with 14 days of grace."""
    return LiveFacts(
        license_id="L-1",
        status=LicenseStatus.ACTIVE,
        product="demo",
        kind=Kind.COMMERCIAL,
        edition=Edition.ENTERPRISE,
        starts_at=start,
        expires_at=start + timedelta(days=40),
        warn_days=30,
        grace_days=14,
        plan="enterprise",
        entitlements={"sso": True, "beta": {"value": 3, "exp": int(start.timestamp()) + 5 * 86_400}},
        seats=Use(25, 10),
        machines=Use(2, 1),
        machine_id="m-1",
    )


@pytest.fixture(scope="module")
def read(ed_signer, keys, make_claims, start):
    """The verification of the license's token at an instant."""

    def call(now=start, **changes) -> Verification:
        text = tokens.encode(make_claims(**changes), ed_signer)
        return verify(text, keys, now=now, issuer=None, audience=None)

    return call


@pytest.fixture(scope="module")
def online(read, live, start):
    """The online verdict, with some facts changed."""

    def call(now=start, row=None, **changes):
        facts = VerdictFacts(now=now, verification=read(now), live=replace(live, **(row or {})), online=True)
        return verdict(replace(facts, **changes))

    return call


def codes(result):
    return [item.code for item in result.failures]


def test_a_good_license_gets_the_live_answer(online):
    """C23: the live entitlements, trial flag, machine id and cap."""
    result = online()
    assert (result.ok, result.reason, result.posture) == (True, None, Posture.VALID)
    assert result.entitlements == {"sso": True, "beta": 3}
    assert (result.trial, result.machine_id, result.limits["machines"]) == (False, "m-1", Use(2, 1))


def test_the_order_of_the_codes_is_the_agreed_one():
    """C22: rate limit, format, signature, known, revoked/suspended, product, expiry, fingerprint/machines."""
    agreed = (
        "rate_limited bad_format bad_signature not_found revoked suspended product_mismatch expired "
        "fingerprint_mismatch too_many_machines"
    )
    assert [code for code in FAILURES if code in agreed.split(" ")] == agreed.split(" ")


@pytest.mark.parametrize(
    ("row", "asked", "code"),
    [
        ({"status": LicenseStatus.REVOKED}, {}, "revoked"),
        ({"status": LicenseStatus.SUSPENDED}, {}, "suspended"),
        ({"key_state": KeyState.REVOKED}, {}, "key_revoked"),
        ({}, {"product": "other"}, "product_mismatch"),
        ({"product": "other"}, {}, "product_mismatch"),
        ({"bound_fingerprint_sha256": BOUND}, {"fingerprint": "mac-2"}, "fingerprint_mismatch"),
        ({"machines": Use(2, 2)}, {"fingerprint": "mac-3"}, "too_many_machines"),
        ({"collectors": Use(1, 1)}, {"collector": True}, "too_many_collectors"),
        ({}, {"rate_limited": True}, "rate_limited"),
        ({}, {"live": None}, "not_found"),
    ],
)
def test_each_check_fails_with_its_code(online, row, asked, code):
    """C22: `ok` plus `reason`."""
    result = online(row=row, **asked)
    assert (result.ok, result.reason, codes(result)) == (False, code, [code])
    assert result.entitlements == {}


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        ({"bound_fingerprint_sha256": BOUND}, {"fingerprint": "mac-1"}),
        ({"machines": Use(2, 2), "machine_known": True}, {"fingerprint": "mac-1"}),
        ({"machines": Use(0, 900)}, {"fingerprint": "mac-1"}),
        ({"machines": Use(2, 2)}, {}),
        ({"collectors": Use(1, 1), "collector_known": True}, {"collector": True}),
        ({"machines": Use(2, 2)}, {"collector": True, "fingerprint": "col-1"}),
        ({"nodes": Use(4, 400), "node_state": NodeCapState.ESCALATED}, {}),
        ({"seats": Use(4, 400)}, {}),
    ],
)
def test_the_success_beside_each_limit(online, row, asked):
    """A15: overage of nodes never fails validation; E25: seats are not policed."""
    assert online(row=row, **asked).ok


def test_an_exceeded_limit_never_hides_an_expiry(online, start):
    """C22: every failed check is reported, in the order of the table."""
    row = {
        "status": LicenseStatus.SUSPENDED,
        "machines": Use(1, 1),
        "bound_fingerprint_sha256": BOUND,
        "product": "other",
    }
    result = online(now=start + timedelta(days=99), row=row, fingerprint="mac-2")
    assert codes(result) == [
        "suspended",
        "product_mismatch",
        "expired",
        "fingerprint_mismatch",
        "too_many_machines",
    ]
    assert result.reason == "suspended"


def test_grace_and_expiry_at_their_seconds(online, start):
    """C23: inside grace ok with in_grace_period and grace_until; at expires + grace `expired`."""
    end, over = start + timedelta(days=40), start + timedelta(days=54)
    seen = [online(now=at) for at in (end - SECOND, end, over - SECOND, over)]
    assert [(item.ok, item.in_grace_period, item.reason) for item in seen] == [
        (True, False, None),
        (True, True, None),
        (True, True, None),
        (False, False, "expired"),
    ]
    assert {item.grace_until for item in seen} == {over}
    assert [item.expired for item in seen] == [False, True, True, True]
    assert seen[-1].posture is Posture.READ_ONLY


def test_a_renewed_row_outlives_its_old_token(online, start):
    """Online checks read the row: an old token of a renewed license is good, with a warning."""
    now = start + timedelta(days=300)
    row = {"expires_at": start + timedelta(days=400), "token_current": False}
    result = online(now=now, row=row)
    assert (result.ok, [item.code for item in result.warnings]) == (True, ["token_superseded"])


def test_a_row_that_has_not_started_is_refused_until_it_does(online, start):
    row = {"starts_at": start + timedelta(days=2)}
    result = online(row=row)
    assert (result.reason, result.changes_at) == ("not_yet_valid", start + timedelta(days=2))
    assert online(now=result.changes_at, row=row).ok


@pytest.mark.parametrize("asked", [{"rate_limited": True}, {"verification": "forged"}])
def test_who_holds_no_license_of_ours_learns_nothing(online, keys, start, asked):
    if asked.get("verification"):
        asked = {"verification": verify("LIC1-AA-AA", keys, now=start, issuer=None, audience=None)}
    result = online(**asked).to_dict()
    assert (result["license_id"], result["limits"], result["entitlements"]) == (None, {}, {})
    assert result["expires_at"] is None
    assert result["reason"] in ("rate_limited", "bad_format")


@pytest.mark.parametrize(
    ("stage", "reason", "code"),
    [
        ("format", "not_compact_jws", "bad_format"),
        ("header", "alg_not_allowed", "bad_format"),
        ("key", "kid_unknown", "bad_signature"),
        ("key", "key_revoked", "key_revoked"),
        ("key", "key_not_for_product", "product_mismatch"),
        ("signature", "signature_invalid", "bad_signature"),
        ("claims", "exp_not_integer", "bad_format"),
        ("claims", "audience_mismatch", "product_mismatch"),
        ("claims", "issuer_mismatch", "issuer_mismatch"),
        ("claims", "expired", "expired"),
        ("revocation", "revoked", "revoked"),
    ],
)
def test_offline_reasons_have_one_online_code(stage, reason, code):
    """C22: the offline verifier and online validation share one table."""
    assert code_of(stage, reason) == code
    assert code in FAILURES


def test_offline_the_token_alone_decides(read, start):
    """C23: one code path, with the snapshot in place of the row."""
    result = verdict(VerdictFacts(now=start, verification=read()))
    assert (result.ok, result.license_id, result.plan) == (True, "L-AGGPIZRYPJ5TVYKCK2FVOJQJZE", "enterprise")
    assert result.limits["seats"] == Use(25)
    late = start + timedelta(days=60)
    assert codes(verdict(VerdictFacts(now=late, verification=read(late)))) == ["expired"]


def test_offline_product_and_machine_are_compared(read, start):
    facts = VerdictFacts(
        now=start, verification=read(fingerprint_sha256=BOUND), product="other", fingerprint="mac-2"
    )
    assert codes(verdict(facts)) == ["product_mismatch", "fingerprint_mismatch"]
    right = replace(facts, product="demo", fingerprint="mac-1")
    assert verdict(right).ok


def test_no_facts_are_no_license(start):
    assert codes(verdict(VerdictFacts(now=start))) == ["bad_format"]
    assert codes(verdict(VerdictFacts(now=start, online=True))) == ["not_found"]


@pytest.mark.parametrize(
    ("day", "row", "expected"),
    [
        (35, {}, "expiring"),
        (41, {}, "in_grace_period"),
        (1, {"token_current": False}, "token_superseded"),
        (1, {"key_state": KeyState.RETIRED}, "key_retired"),
        (1, {"bound_fingerprint_sha256": BOUND}, "fingerprint_not_checked"),
        (1, {"nodes": Use(4, 9), "node_state": NodeCapState.NOTICE}, "nodes_over_cap"),
        (1, {"seats": Use(4, 9)}, "seats_exceeded"),
    ],
)
def test_each_warning_leaves_the_answer_ok(online, start, day, row, expected):
    """A15: a clear message, and the validation still passes."""
    result = online(now=start + timedelta(days=day), row=row)
    assert (result.ok, [item.code for item in result.warnings]) == (True, [expected])
    assert expected in WARNINGS


def test_an_old_short_key_is_named(ed_signer, keys, start):
    payload = bytes([1, 0]) + bytes(72)
    text = f"LIC1-{lic1._b32(payload)}-{lic1._b32(ed_signer.sign(payload))}"
    result = verdict(
        VerdictFacts(now=start, verification=verify(text, keys, now=start, issuer=None, audience=None))
    )
    assert (result.ok, [item.code for item in result.warnings]) == (True, ["legacy_format"])


def test_quiet_overage_makes_no_noise(online):
    """A15: first days, no message."""
    assert online(row={"nodes": Use(4, 9), "node_state": NodeCapState.QUIET}).warnings == ()


def test_the_verdict_is_json_and_can_be_signed_and_cached(online, ed_signer, keys):
    """D20: the answer of the license server is itself a signed document."""
    answer = online().to_dict()
    assert json.loads(json.dumps(answer)) == answer
    document = encode_document(answer, VERDICT_TYP, ed_signer)
    assert decode_document(document, VERDICT_TYP, keys).claims_payload == answer


moments = st.builds(
    lambda day, second: timedelta(days=day, seconds=second), st.integers(-5, 70), st.integers(-1, 1)
)


@pytest.mark.parametrize("status", [None, *LicenseStatus])
@given(moments)
@settings(max_examples=50, deadline=None)
def test_the_answer_holds_until_it_says_that_it_changes(read, live, start, status, moment):
    """C23: a cache may keep the answer until changes_at, and not longer. No status: offline."""

    def at(now):
        row = replace(live, status=status) if status else None
        return verdict(VerdictFacts(now, read(now), row))

    def answer(now):
        return replace(at(now), checked_at=start, changes_at=None)

    now = start + moment
    change = at(now).changes_at
    if change is None:
        assert answer(now + timedelta(days=9_999)) == answer(now)
    else:
        assert answer(change - timedelta(microseconds=1)) == answer(now)
