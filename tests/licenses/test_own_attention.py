"""What operators are told when our own license does not hold (C2, E27)."""

from __future__ import annotations

import pytest

from config.doctor import State, Visit
from config.doctor_parts import own_license
from licenses.attention import OWN_LICENSE
from licenses.services.lifecycle import license_revoke, license_suspend
from licenses.services.selflicense import selflicense_load, selflicense_refresh

pytestmark = [pytest.mark.django_db, pytest.mark.own_license]
BY = {"actor": "cli:test"}


def look(at):
    return own_license(Visit(at=at, production=True))


def test_no_license_is_a_tier_and_no_problem(db, at):
    assert (look(at).state, look(at).detail) == (State.OK, "none, tier Creator")
    assert not list(OWN_LICENSE.find(at))


def test_a_guard_in_its_grace_waits_for_a_person(own_pro, at):
    license_suspend(license=own_pro, reason="dispute", at=at, **BY)
    selflicense_refresh(at=at, **BY)
    (problem,) = OWN_LICENSE.find(at)
    assert (problem.urgent, "suspended" in problem.title) == (False, True)


def test_an_invalid_guard_is_urgent_and_fails_the_doctor(own_pro, at):
    license_revoke(license=own_pro, reason="unpaid", at=at, **BY)
    selflicense_refresh(at=at, **BY)
    (problem,) = OWN_LICENSE.find(at)
    assert (problem.urgent, "revoked" in problem.title) == (True, True)
    assert look(at).state is State.FAILING


def test_a_key_that_does_not_verify_says_why_and_the_product_runs(settings, at):
    """C2: nothing is granted, everything starts."""
    settings.SELF_LICENSE = "eyJhbGciOiJSUzI1NiJ9.e30.AAAA"
    selflicense_load(at=at, **BY)
    assert look(at).state is State.FAILING
    (problem,) = OWN_LICENSE.find(at)
    assert problem.cause


def test_a_master_whose_keys_are_not_trusted_is_missing_them(db, settings, at):
    """C1"""
    settings.SELF_LICENSE_MASTER_URL = "https://licenses.example.com"
    assert (look(at).state, look(at).variable) == (State.MISSING, "SIGNET_SELF_LICENSE_TRUST_ROOT")
