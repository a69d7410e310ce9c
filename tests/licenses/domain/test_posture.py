from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licenses.domain import lic1, tokens
from licenses.domain.enums import DeploymentKind, LicenseStatus, Posture
from licenses.domain.keys import KeySet
from licenses.domain.posture import (
    PostureSettings,
    WriteRefusedError,
    check_write,
    days_left,
    next_change_at,
    posture,
    posture_of_terms,
    write_refusal,
)
from licenses.domain.verification import verify

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
ENTERPRISE = DeploymentKind.ENTERPRISE
BASE = datetime(2026, 1, 1, tzinfo=UTC)

terms = st.fixed_dictionaries(
    {
        "starts_at": st.integers(0, 10**9).map(lambda s: BASE + timedelta(seconds=s)),
        "length": st.none() | st.integers(1, 4 * 365 * 86_400),
        "warn_days": st.integers(0, 400),
        "grace_days": st.integers(0, 400),
    }
)


def row(drawn, status=LicenseStatus.ACTIVE):
    length = drawn["length"]
    expires_at = None if length is None else drawn["starts_at"] + timedelta(seconds=length)
    return {
        "starts_at": drawn["starts_at"],
        "expires_at": expires_at,
        "warn_days": drawn["warn_days"],
        "grace_days": drawn["grace_days"],
        "status": status,
    }


def view(claims, now, deployment=ENTERPRISE):
    return posture(claims, deployment=deployment, now=now)


@pytest.mark.parametrize(
    ("day", "before", "after"),
    [
        (30, Posture.VALID, Posture.WARNING),
        (40, Posture.WARNING, Posture.GRACE),
        (54, Posture.GRACE, Posture.READ_ONLY),
    ],
)
def test_each_boundary_one_second_before_at_and_after(make_claims, start, day, before, after):
    """A6, A8, A9, A10: a 40-day license warns for a quarter of its term and has 14 days of grace."""
    at = start + timedelta(days=day)
    seen = [view(make_claims(), at + step).posture for step in (-SECOND, timedelta(0), SECOND)]
    assert seen == [before, after, after]


def test_warning_is_thirty_days_when_the_term_is_long(make_claims, start):
    """A8: default 30 days before exp."""
    year = make_claims(expires_at=int((start + timedelta(days=365)).timestamp()))
    at = start + timedelta(days=335)
    assert [view(year, at - SECOND).posture, view(year, at).posture] == [Posture.VALID, Posture.WARNING]


def test_the_days_left_are_shown(make_claims, start):
    """A8: the admin view shows days left, operation is unrestricted."""
    end = start + timedelta(days=40)
    seen = view(make_claims(), end - 5 * DAY)
    assert (seen.days_left, seen.code, seen.writes_allowed) == (5, "license_expiring", True)
    assert [days_left(end, end - step) for step in (SECOND, DAY, DAY + SECOND, timedelta(0), -DAY)] == [
        1,
        1,
        2,
        0,
        0,
    ]
    assert days_left(None, end) is None


def test_grace_lets_writes_pass_and_says_expired(make_claims, start):
    """A9: within the grace window writes still pass, the warning level is raised."""
    seen = view(make_claims(), start + timedelta(days=41))
    assert (seen.posture, seen.expired, seen.writes_allowed, seen.code) == (
        Posture.GRACE,
        True,
        True,
        "license_in_grace",
    )
    check_write(seen)


def test_after_grace_writes_fail_and_replacing_the_license_does_not(make_claims, start):
    """A10: code license_read_only; replacing the license is always allowed."""
    seen = view(make_claims(), start + timedelta(days=60))
    assert (seen.posture, seen.expired, seen.changes_at) == (Posture.READ_ONLY, True, None)
    with pytest.raises(WriteRefusedError) as refused:
        check_write(seen)
    assert refused.value.reason == "license_read_only"
    assert write_refusal(seen, replacing_license=True) is None


def test_a_community_deployment_without_a_license_is_on_trial():
    """A7: posture `trial` with a visible banner."""
    seen = view(None, BASE, DeploymentKind.COMMUNITY)
    assert (seen.posture, seen.code, seen.license_required) == (Posture.TRIAL, "community_trial", False)
    assert seen.writes_allowed


def test_an_enterprise_deployment_demands_a_license():
    """A7: `license_required` before protected use."""
    seen = view(None, BASE)
    assert (seen.posture, seen.license_required, seen.writes_allowed) == (Posture.INVALID, True, False)
    assert write_refusal(seen) == "license_required"
    assert write_refusal(seen, replacing_license=True) is None


@pytest.mark.parametrize("deployment", list(DeploymentKind))
def test_a_bad_license_is_invalid_and_never_a_silent_fallback(keys, deployment):
    """A11: the operator sees the error text."""
    result = verify("junk", keys, now=BASE, issuer=None, audience=None)
    seen = posture(result, deployment=deployment, now=BASE)
    assert (seen.posture, seen.expired) == (Posture.INVALID, False)
    assert seen.error.startswith("unknown_format: ")
    assert write_refusal(seen) == "license_invalid"


def test_a_wrongly_signed_license_is_invalid(ed_signer, make_claims, start):
    """A11: an untrusted key gives `invalid`."""
    token = tokens.encode(make_claims(), ed_signer)
    result = verify(token, KeySet([]), now=start, issuer=None, audience=None)
    assert view(result, start).error.startswith("kid_unknown: ")


@pytest.mark.parametrize("day", [0, 29, 30, 39, 40, 53, 54, 400])
def test_a_verified_token_and_its_claims_run_alike(ed_signer, keys, make_claims, start, day):
    """A6: read-only comes from a license that has expired, not from one that is invalid."""
    now = start + timedelta(days=day)
    token = tokens.encode(make_claims(), ed_signer)
    result = verify(token, keys, now=now, issuer=None, audience="demo")
    assert view(result, now) == view(make_claims(), now)
    assert view(result, now).posture is result.posture


def test_a_license_runs_within_the_leeway_before_its_start(ed_signer, keys, make_claims, start):
    token = tokens.encode(make_claims(), ed_signer)
    for now, expected in ((start - 300 * SECOND, Posture.VALID), (start - 700 * SECOND, Posture.INVALID)):
        result = verify(token, keys, now=now, issuer=None, audience=None)
        assert view(result, now).posture is expected


def test_settings_fill_in_what_a_short_key_cannot_say(ed_signer, keys, make_fields, start):
    """A9: 3 days of grace for a trial; a setting."""
    text = lic1.encode(make_fields(trial=True), ed_signer)
    now = start + timedelta(days=44)
    result = verify(
        text, keys, now=now, issuer=None, audience=None, settings=PostureSettings(trial_grace_days=9)
    )
    seen = posture(result, deployment=ENTERPRISE, now=now, settings=PostureSettings(trial_grace_days=9))
    assert seen.posture is Posture.GRACE


def test_a_perpetual_license_never_changes(make_claims, start):
    seen = view(make_claims(expires_at=None), start + 9_999 * DAY)
    assert (seen.posture, seen.days_left, seen.changes_at) == (Posture.VALID, None, None)


def test_the_last_second_of_time_can_be_said(make_claims, start):
    forever = make_claims(expires_at=253_402_300_799, grace_days=3650)
    assert view(forever, start).grace_until.year == 9999


@pytest.mark.parametrize("status", [LicenseStatus.SUSPENDED, LicenseStatus.REVOKED])
def test_a_license_that_is_not_active_is_invalid(status):
    drawn = {"starts_at": BASE, "length": 86_400, "warn_days": 1, "grace_days": 1}
    assert posture_of_terms(**row(drawn, status), now=BASE) is Posture.INVALID
    assert next_change_at(**row(drawn, status), now=BASE) is None


@given(terms, st.integers(-(10**8), 2 * 10**8))
@settings(max_examples=150, deadline=None)
def test_posture_holds_until_the_next_change_and_differs_there(drawn, offset):
    """A6: the sweep sees every change, at its instant, and no other."""
    facts = row(drawn)
    now = drawn["starts_at"] + timedelta(seconds=offset)
    here, change = posture_of_terms(**facts, now=now), next_change_at(**facts, now=now)
    if change is None:
        assert posture_of_terms(**facts, now=now + timedelta(days=40_000)) is here
        return
    assert change > now
    assert posture_of_terms(**facts, now=change - timedelta(microseconds=1)) is here
    assert posture_of_terms(**facts, now=change) is not here


@given(terms)
@settings(max_examples=80, deadline=None)
def test_a_license_only_ever_moves_forward(drawn):
    """A6 to A10: invalid, valid, warning, grace, read_only, in this order and each at most once."""
    facts, now, seen = row(drawn), drawn["starts_at"] - DAY, []
    while now is not None:
        seen.append(posture_of_terms(**facts, now=now))
        now = next_change_at(**facts, now=now)
    order = [Posture.INVALID, Posture.VALID, Posture.WARNING, Posture.GRACE, Posture.READ_ONLY]
    assert seen == sorted(set(seen), key=order.index)
    assert seen[-1] is (Posture.VALID if drawn["length"] is None else Posture.READ_ONLY)


@given(terms.filter(lambda drawn: drawn["length"] is not None))
@settings(max_examples=80, deadline=None)
def test_warning_never_takes_more_than_a_quarter_of_the_term(drawn):
    """A8: at most a quarter of the term."""
    facts = row(drawn)
    early = drawn["starts_at"] + (facts["expires_at"] - drawn["starts_at"]) * 3 / 4 - SECOND
    assert early < drawn["starts_at"] or posture_of_terms(**facts, now=early) is Posture.VALID
