"""Online validation through HTTP: C22, C23, C25, D20."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from licenses.api import validate as view
from licenses.domain.enums import Format
from licenses.domain.tokens import decode_document
from licenses.services.lifecycle import license_reinstate, license_revoke, license_suspend
from licenses.services.renewing import license_renew

ACTOR = "cli:test"


@pytest.fixture(autouse=True)
def _no_limits_from_other_tests(clock):
    view.forget()
    yield
    view.forget()


@pytest.fixture
def ask(db):
    client = Client()

    def ask(key: object, **members: object) -> dict:
        body = json.dumps({"key": key, **members})
        response = client.post(view.PATH, body, content_type="application/json")
        assert response.status_code == 200
        return response.json()

    return ask


def test_a_license_that_holds_is_ok_with_its_live_entitlements(ask, granted):
    """C22, C23: 200 with ok, the entitlements of the row, trial flag and limits."""
    answer = ask(granted.issued.text, product="demo")
    assert (answer["ok"], answer["reason"], answer["posture"]) == (True, None, "valid")
    assert answer["entitlements"] == {"sso": True, "audit": True}
    assert answer["license_id"] == granted.license.public_id
    assert answer["limits"]["seats"] == {"cap": 25, "used": None}
    assert answer["trial"] is False


@pytest.mark.parametrize("form", list(Format))
def test_every_format_is_validated(ask, make_license, issue, form):
    """C22, D20: the validation service serves every kind of key."""
    assert ask(issue(make_license(), format=form).text)["ok"]


def test_a_lic1_key_is_read_in_any_case(ask, make_license, issue):
    """C21: decoding does not mind the case."""
    assert ask(issue(make_license(), format=Format.LIC1).text.lower())["ok"]


@pytest.mark.parametrize(
    "key", ["", "x", "LIC1-AAAA-BBBB", "eyJhbGciOiJub25lIn0.e30.", "a" * 100_000, "\x01"]
)
def test_what_is_no_license_is_bad_format(ask, signing, key):
    """C22: never an error, always a verdict."""
    answer = ask(key)
    assert (answer["ok"], answer["reason"]) == (False, "bad_format")


def test_a_changed_signature_is_bad_signature(ask, granted):
    """C22"""
    head, _, signature = granted.issued.text.rpartition(".")
    swapped = signature[:10] + ("A" if signature[10] != "A" else "B") + signature[11:]
    assert ask(f"{head}.{swapped}")["reason"] == "bad_signature"


def test_a_signed_text_without_an_issuance_is_not_found(ask, granted, verified):
    """C22, trust: no record, no license, even when the signature is ours."""
    from config.kit.ids import uuid7
    from licenses.claims import ToSign, claims_of
    from licenses.domain.formats import encode
    from licenses.models import SigningKey
    from licenses.signers import signer_of

    signer = signer_of(SigningKey.objects.get(algorithm="RS256"))
    stray = encode(
        Format.JWT,
        claims_of(ToSign.of(granted.license), jti=uuid7(), at=granted.issued.issuance.issued_at),
        signer=signer,
    )
    assert verified(stray).ok
    assert ask(stray)["reason"] == "not_found"


def test_suspension_and_revocation_are_seen_at_once(ask, granted, at):
    """C22, C25: suspended comes back, revoked does not."""
    license_suspend(license=granted.license, reason="unpaid", actor=ACTOR, at=at)
    assert ask(granted.issued.text)["reason"] == "suspended"
    license_reinstate(license=granted.license, actor=ACTOR, at=at)
    assert ask(granted.issued.text)["ok"]
    license_revoke(license=granted.license, reason="returned", actor=ACTOR, at=at)
    answer = ask(granted.issued.text)
    assert (answer["reason"], answer["entitlements"]) == ("revoked", {})


def test_another_product_is_a_mismatch(ask, granted):
    """C22"""
    assert ask(granted.issued.text, product="other")["reason"] == "product_mismatch"


def test_grace_is_ok_until_its_very_end(ask, granted, clock):
    """C23: in_grace_period with grace_until; expired at expires + grace."""
    expires_at = granted.license.expires_at
    clock.set(expires_at)
    answer = ask(granted.issued.text)
    assert (answer["ok"], answer["in_grace_period"], answer["expired"]) == (True, True, True)
    ends_at = expires_at + timedelta(days=granted.license.grace_days)
    assert answer["grace_until"] == ends_at.isoformat().replace("+00:00", "Z")
    clock.set(ends_at)
    answer = ask(granted.issued.text)
    assert (answer["ok"], answer["reason"], answer["posture"]) == (False, "expired", "read_only")


def test_an_old_text_of_a_renewed_license_holds_and_is_told_of_the_newer_one(ask, granted, clock):
    """C22: the row is the right, the token a snapshot."""
    license_renew(license=granted.license, months=12, channel="cli", actor=ACTOR, at=clock.at)
    clock.set(granted.license.expires_at + timedelta(days=60))
    answer = ask(granted.issued.text)
    assert answer["ok"]
    assert [warning["code"] for warning in answer["warnings"]] == ["token_superseded"]


def test_a_bound_license_refuses_another_machine(ask, make_license, issue):
    """C22, C24: only the hash of the fingerprint is stored."""
    from licenses.domain.claims import fingerprint_hash

    text = issue(make_license(fingerprint_sha256=fingerprint_hash("machine-1"))).text
    assert ask(text, fingerprint="machine-1")["ok"]
    assert ask(text, fingerprint="machine-2")["reason"] == "fingerprint_mismatch"


def test_several_failures_are_all_told_in_order(ask, granted, clock):
    """C22: an exceeded check never hides an expiry."""
    license_suspend(license=granted.license, reason="unpaid", actor=ACTOR, at=clock.at)
    clock.set(granted.license.expires_at + timedelta(days=400))
    answer = ask(granted.issued.text, product="other")
    assert [failure["code"] for failure in answer["failures"]] == ["suspended", "product_mismatch", "expired"]


def test_more_users_than_seats_warns_and_never_fails(ask, granted):
    """E25: the issuer does not police seats."""
    answer = ask(granted.issued.text, users=26)
    assert answer["ok"]
    assert [warning["code"] for warning in answer["warnings"]] == ["seats_exceeded"]


def test_too_many_calls_are_rate_limited_with_a_verdict(ask, granted, settings):
    """C22: the first check is the limit."""
    settings.VALIDATION_LIMIT = "2/min"
    assert [ask(granted.issued.text)["reason"] for _ in range(3)] == [None, None, "rate_limited"]


def test_of_ipv6_the_network_is_counted(db, client, settings):
    """Its owner changes the rest at will."""
    settings.VALIDATION_LIMIT = "1/min"
    seen = [
        client.post(
            view.PATH, {"key": "x"}, "application/json", REMOTE_ADDR=f"2001:db8:0:{net}::{host}"
        ).json()
        for net, host in ((1, 1), (1, 2), (2, 1))
    ]
    assert [answer["reason"] for answer in seen] == ["bad_format", "rate_limited", "bad_format"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"key":1}', b'{"key":"a","key":"b"}', b'{"key":"\\u0000"}', b'{"key":"a","email":"x"}',
     b'{"key":"a","users":-1}', b'{"key":"a","users":true}', b'{"key":"a","product":[]}', b"\xff\xfe"],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_bad_format_with_a_reason(db, body):
    """C22: HTTP 200 always."""
    response = Client().post(view.PATH, body, content_type="application/json")
    assert (response.status_code, response.json()["reason"]) == (200, "bad_format")
    assert response.json()["detail"]


def test_only_post_is_answered(db):
    response = Client().get(view.PATH)
    assert (response.status_code, response["Allow"]) == (405, "POST")


def test_a_validation_is_one_statement(ask, granted):
    """C22: the hot path reads one row."""
    ask(granted.issued.text)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        ask(granted.issued.text)
    assert len(queries) == 1


def test_the_signed_verdict_can_be_kept_and_checked_offline(ask, granted, keys_known):
    """C22: the verdict as a document of its own type, with the caller's nonce."""
    answer = ask(granted.issued.text, signed=True, nonce="n-1")
    document = decode_document(answer["document"], "verdict+jwt", keys_known).claims_payload
    assert (document["nonce"], document["verdict"]["ok"]) == ("n-1", True)
    assert document["exp"] > document["iat"]


def test_a_signed_verdict_never_passes_as_a_license(ask, granted):
    """Trust: a token of another kind is no license."""
    document = ask(granted.issued.text, signed=True)["document"]
    assert ask(document)["reason"] == "bad_format"


def test_a_revoked_key_is_refused_online_at_once(ask, granted, at):
    """Trust: revoked keys are refused online, also for texts that were verified before."""
    from licenses.models import SigningKey
    from licenses.services.keys import key_revoke

    assert ask(granted.issued.text)["ok"]
    key = SigningKey.objects.get(algorithm="RS256")
    key_revoke(key=key, reason="leaked", actor=ACTOR, at=at, force=True)
    assert ask(granted.issued.text)["reason"] == "key_revoked"
    published = Client().get("/.well-known/jwks.json").json()["keys"]
    assert key.kid not in {jwk["kid"] for jwk in published}


def test_the_cache_is_off_by_default_and_bounded_when_on(ask, granted, settings, at):
    """With the cache a revocation may be as stale as the setting says, and no staler."""
    settings.VALIDATION_CACHE_SECONDS, settings.VALIDATION_CACHE_ENTRIES = 60, 2
    assert ask(granted.issued.text)["ok"]
    license_revoke(license=granted.license, reason="returned", actor=ACTOR, at=at)
    assert ask(granted.issued.text)["ok"]
    for number in range(5):
        ask(granted.issued.text, fingerprint=str(number))
    assert len(view._answers) == 2
    settings.VALIDATION_CACHE_SECONDS = 0
    assert ask(granted.issued.text)["reason"] == "revoked"


def test_a_remembered_answer_ends_when_the_answer_changes(ask, granted, settings, clock):
    settings.VALIDATION_CACHE_SECONDS = 10_000_000
    clock.set(granted.license.expires_at - timedelta(seconds=1))
    assert ask(granted.issued.text)["posture"] == "warning"
    clock.set(granted.license.expires_at)
    assert ask(granted.issued.text)["posture"] == "grace"


def test_only_short_questions_without_a_signature_are_remembered(ask, granted, settings):
    """D20: a signed answer carries the nonce of its asker; a long body would cost memory, not time."""
    settings.VALIDATION_CACHE_SECONDS = 60
    ask(granted.issued.text, signed=True, nonce="n")
    ask("x" * view.LONGEST_REMEMBERED)
    assert not view._answers
    ask(granted.issued.text)
    assert len(view._answers) == 1


def test_what_is_remembered_still_counts_against_the_limit(ask, granted, settings):
    settings.VALIDATION_CACHE_SECONDS, settings.VALIDATION_LIMIT = 60, "2/min"
    assert [ask(granted.issued.text)["reason"] for _ in range(3)] == [None, None, "rate_limited"]


def test_each_call_is_logged_without_the_key(client, granted, caplog):
    """C22: each call is logged, under the id that the caller was told; the text never is."""
    log = logging.getLogger("signet.validation")
    log.addHandler(caplog.handler)
    try:
        with caplog.at_level("INFO", logger="signet.validation"):
            answer = client.post(view.PATH, {"key": granted.issued.text}, "application/json")
    finally:
        log.removeHandler(caplog.handler)
    line = json.loads(caplog.messages[0])
    assert line["license"] == granted.license.public_id
    assert line["request_id"] == answer.headers["X-Request-ID"] != ""
    assert granted.issued.text[-40:] not in caplog.text
