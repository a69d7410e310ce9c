from __future__ import annotations

from dataclasses import replace

import pytest

from licenses.domain.plans import PlanTerms, plan_problems

ONCE = PlanTerms(slug="pro", duration_days=365)
MONTHLY = replace(ONCE, recurring=True, period_days=30, trial_days=14)
TRIAL = replace(ONCE, slug="trial", duration_days=30, trial=True, kind="trial", grace_days=3)


def found(terms, catalogue=()):
    return [(problem.field, problem.code) for problem in plan_problems(terms, catalogue)]


@pytest.mark.parametrize(
    "terms",
    [
        ONCE,
        MONTHLY,
        TRIAL,
        replace(ONCE, duration_days=0),
        replace(ONCE, machines=0),
        replace(ONCE, tier_rank=0),
        replace(ONCE, tier_rank=1000),
        replace(ONCE, price_override=0),
        replace(ONCE, archived=True, active=False),
        replace(ONCE, billing_grace_days=90),
        replace(MONTHLY, period_days=1830, trial_days=1830),
    ],
)
def test_a_sound_plan_has_no_problems(terms):
    """C19: 0 is perpetual for the duration and unlimited for machines; rank 0 to 1000 or none."""
    assert found(terms) == []


def test_the_defaults_are_the_agreed_ones():
    """C19: max machines default 1, billing grace default 7."""
    assert (ONCE.machines, ONCE.billing_grace_days, ONCE.tier_rank) == (1, 7, None)


@pytest.mark.parametrize(
    ("base", "change", "problem"),
    [
        (ONCE, {"slug": "No Slug"}, ("slug", "bad_slug")),
        (ONCE, {"slug": ""}, ("slug", "bad_slug")),
        (ONCE, {"edition": "gold"}, ("edition", "unknown_edition")),
        (ONCE, {"kind": "gift"}, ("kind", "unknown_kind")),
        (ONCE, {"duration_days": -1}, ("duration_days", "negative")),
        (ONCE, {"duration_days": 1.5}, ("duration_days", "not_integer")),
        (ONCE, {"duration_days": 10**6}, ("duration_days", "out_of_range")),
        (ONCE, {"grace_days": -1}, ("grace_days", "negative")),
        (ONCE, {"machines": -1}, ("machines", "negative")),
        (ONCE, {"seats": True}, ("seats", "not_integer")),
        (ONCE, {"price_override": -1}, ("price_override", "negative")),
        (ONCE, {"tier_rank": 1001}, ("tier_rank", "out_of_range")),
        (ONCE, {"tier_rank": -1}, ("tier_rank", "negative")),
        (ONCE, {"period_days": 30}, ("period_days", "not_recurring")),
        (ONCE, {"trial_days": 3}, ("trial_days", "not_recurring")),
        (ONCE, {"entitlements": {"Bad Slug": True}}, ("entitlements", "bad_slug")),
        (ONCE, {"archived": True}, ("active", "archived")),
        (ONCE, {"archived": True, "active": False, "public": True}, ("public", "archived")),
        (MONTHLY, {"period_days": None}, ("period_days", "required")),
        (MONTHLY, {"period_days": 0}, ("period_days", "out_of_range")),
        (MONTHLY, {"period_days": 1831}, ("period_days", "out_of_range")),
        (MONTHLY, {"trial_days": 31}, ("trial_days", "longer_than_period")),
        (MONTHLY, {"billing_grace_days": 91}, ("billing_grace_days", "out_of_range")),
        (MONTHLY, {"billing_grace_days": -1}, ("billing_grace_days", "negative")),
        (MONTHLY, {"duration_days": 0}, ("duration_days", "perpetual_recurring")),
        (TRIAL, {"kind": "commercial"}, ("trial", "kind_mismatch")),
        (TRIAL, {"trial": False}, ("trial", "kind_mismatch")),
        (TRIAL, {"duration_days": 0}, ("duration_days", "perpetual_trial")),
        (TRIAL, {"recurring": True, "period_days": 30}, ("recurring", "recurring_trial")),
        (TRIAL, {"price_override": 500}, ("price_override", "priced_trial")),
    ],
)
def test_each_bad_combination_is_named(base, change, problem):
    """C19: each bad combination is refused."""
    assert found(base) == []
    assert problem in found(replace(base, **change))


def test_a_catalogue_limits_the_entitlements():
    """C20: policies may only use the catalogue's slugs; an empty catalogue means free text."""
    plan = replace(ONCE, entitlements=["sso", "rockets"])
    assert found(plan) == []
    assert found(plan, {"sso"}) == [("entitlements", "not_in_catalogue")]


def test_all_problems_come_at_once():
    wrong = replace(ONCE, slug="", seats=-1, period_days=5)
    assert found(wrong) == [("slug", "bad_slug"), ("seats", "negative"), ("period_days", "not_recurring")]
