from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from licenses.domain.licenses import LicenseTerms, license_problems

START = datetime(2026, 3, 1, tzinfo=UTC)
GOOD = LicenseTerms(
    customer_id="C-1",
    edition="enterprise",
    kind="commercial",
    starts_at=START,
    expires_at=START + timedelta(days=365),
    plan="enterprise",
    plan_kind="commercial",
)


def found(terms, catalogue=()):
    return [(problem.field, problem.code) for problem in license_problems(terms, catalogue)]


@pytest.mark.parametrize(
    "terms",
    [
        GOOD,
        replace(GOOD, expires_at=None, perpetual=True),
        replace(GOOD, seats=0, nodes=0),
        replace(GOOD, kind="test"),
        replace(GOOD, kind="trial", plan_kind="trial"),
        replace(GOOD, plan="", plan_kind=None),
        replace(GOOD, fingerprint_sha256="0f" * 32),
    ],
)
def test_a_sound_license_has_no_problems(terms):
    """A1: 0 seats and 0 nodes are unlimited; D2: commercial and test keys."""
    assert found(terms) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"customer_id": ""}, ("customer_id", "required")),
        ({"edition": ""}, ("edition", "required")),
        ({"edition": "gold"}, ("edition", "unknown_edition")),
        ({"kind": "gift"}, ("kind", "unknown_kind")),
        ({"seats": -1}, ("seats", "negative")),
        ({"nodes": -1}, ("nodes", "negative")),
        ({"machines": -1}, ("machines", "negative")),
        ({"collectors": 2**31}, ("collectors", "out_of_range")),
        ({"seats": "5"}, ("seats", "not_integer")),
        ({"quantity": 0}, ("quantity", "out_of_range")),
        ({"grace_days": 4000}, ("grace_days", "out_of_range")),
        ({"warn_days": -1}, ("warn_days", "negative")),
        ({"expires_at": None}, ("expires_at", "required")),
        ({"expires_at": START}, ("expires_at", "not_after_start")),
        ({"expires_at": START - timedelta(days=1)}, ("expires_at", "not_after_start")),
        ({"perpetual": True}, ("expires_at", "perpetual")),
        ({"expires_at": datetime(2027, 1, 1)}, ("expires_at", "naive")),  # noqa: DTZ001 - the mistake under test
        ({"kind": "trial"}, ("kind", "kind_of_plan")),
        (
            {"kind": "trial", "plan_kind": None, "perpetual": True, "expires_at": None},
            ("perpetual", "perpetual_trial"),
        ),
        ({"plan_kind": "trial"}, ("kind", "kind_of_plan")),
        ({"plan": "x" * 65}, ("plan", "bad_plan")),
        ({"fingerprint_sha256": "AB" * 32}, ("fingerprint_sha256", "not_sha256")),
        ({"entitlements": {"a": None}}, ("entitlements", "bad_value")),
    ],
)
def test_each_problem_is_named(change, problem):
    """A1: without customer or edition, or with negative seats or nodes, nothing may be written."""
    assert problem in found(replace(GOOD, **change))


def test_a_catalogue_limits_the_entitlements():
    """C20: a product's catalogue holds for its licenses."""
    assert found(replace(GOOD, entitlements=["rockets"]), {"sso"}) == [("entitlements", "not_in_catalogue")]


def test_all_problems_come_at_once():
    assert len(found(replace(GOOD, customer_id="", edition="", seats=-1, nodes=-1))) == 4
