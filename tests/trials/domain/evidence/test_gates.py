"""The gates against a truth table that was written from the rows, not from the code."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trials.domain.evidence.gates import ApprovalFacts, FieldKind, HandoffFacts, PackageFacts, evaluate
from trials.domain.evidence.stages import STAGES
from trials.domain.evidence.words import (
    AccessCheck,
    CheckResult,
    DeliveryState,
    HandoffKind,
    StageName,
    State,
)

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
S = StageName


def full(stage, **values):
    """Every member of a stage filled in well."""
    filled = {}
    for field in STAGES[stage].fields:
        if field.kind is FieldKind.INSTANT:
            filled[field.name] = AT
        elif field.words is not None:
            filled[field.name] = next(iter(field.words)).value
        else:
            filled[field.name] = f"ref:{field.name}"
    return {**filled, **values}


def good(stage, outcome="escalated", target="paid_pilot"):
    """A package that nothing blocks, on a chain of the like, approved."""
    before = {
        S.EXPIRY: S.ACCESS, S.FOLLOW_UP: S.EXPIRY, S.CONVERSION: S.FOLLOW_UP, S.ACTIVATION: S.CONVERSION,
        S.CLOSEOUT: S.FOLLOW_UP if outcome == "revoked" else S.ACTIVATION, S.RENEWAL_OUTCOME: S.CLOSEOUT,
    }.get(stage)  # fmt: skip
    predecessor = good(before, outcome, target) if before else None
    values = full(stage)
    if stage is S.ACCESS:
        values["release_approval"] = "approved"
    if stage is S.EXPIRY:
        values["outcome"] = outcome
    if stage is S.FOLLOW_UP:
        values |= {
            "grace_ref": "grace:1",
            "grace_approval_ref": "grace:1",
            "notification_ref": "notification:1",
        }
    if stage is S.CONVERSION:
        values |= {
            "target": target, "entitlement_readiness": "ready", "onboarding_readiness": "ready",
            "commercial_approval": "approved", "technical_approval": "approved",
        }  # fmt: skip
    if stage is S.ACTIVATION:
        unwanted = PRODUCTION if target == "paid_pilot" else PILOT
        values = {name: value for name, value in values.items() if name not in unwanted}
    return PackageFacts(
        stage=stage,
        values=values,
        digest=f"digest of {stage}",
        approval=ApprovalFacts(f"digest of {stage}", approved=True),
        predecessor=predecessor,
        predecessor_digest=predecessor.digest if predecessor else "",
        handoffs=(HandoffFacts(HandoffKind.SALES, "user:1", "task:1", "task:2"),)
        if stage is S.FOLLOW_UP
        else (),
        delivery=DeliveryState.SENT if stage is S.FOLLOW_UP else None,
        checks=dict.fromkeys(AccessCheck, CheckResult.BLOCKED) if stage is S.CLOSEOUT else {},
        rows=frozenset({"grace:1", "notification:1"}) if stage is S.FOLLOW_UP else frozenset(),
    )


PILOT = (
    "activation_ref", "entitlement_activation_ref", "license_transition_ref", "billing_handoff_ref",
    "cs_handoff_ref", "support_handoff_ref", "activation_owner_ref", "activation_at",
)  # fmt: skip
PRODUCTION = (
    "production_handoff_ref", "tenant_provisioning_ref", "production_entitlement_ref", "production_license_ref",
    "billing_account_ref", "runbook_ref", "production_support_owner_ref", "production_cs_owner_ref",
    "technical_owner_ref", "go_live_at",
)  # fmt: skip


def codes(package):
    return list(evaluate(package, STAGES).codes)


# --- the truth table, row by row -------------------------------------------------------------------------


def chain_says(package, prefix, mismatch):
    before = package.predecessor
    said = []
    if before is None or expected(before):
        said.append(f"{prefix}_evidence_not_ready")
    yes = before is not None and before.approval is not None and before.approval.approved
    if not yes:
        said.append(f"{prefix}_approval_not_approved")
    if not yes or before.approval.digest != before.digest or package.predecessor_digest != before.digest:
        said.append(mismatch)
    return said


def missing(package, *names):
    return [f"{name}_missing" for name in names if not package.values.get(name)]


def ended_as(package):
    while package is not None and package.stage is not S.EXPIRY:
        package = package.predecessor
    return package.values.get("outcome", "") if package else ""


def behind(package, stage):
    package = package.predecessor
    while package is not None and package.stage is not stage:
        package = package.predecessor
    return package


def expect_access(p):
    """B3."""
    v, said = p.values, []
    if v.get("release_approval") != "approved":
        said.append("release_not_approved")
    said += missing(p, "issuance_ref", "access_grant_ref")
    if v.get("channel") not in ("private_ghcr", "private_binary", "hosted_saas"):
        said.append("channel_invalid")
    if not v.get("license_expires_at") or v["license_expires_at"] != v.get("access_expires_at"):
        said.append("license_expiry_differs")
    return said


def expect_expiry(p):
    """B5."""
    said = chain_says(p, "access", "access_package_mismatch")
    outcome = p.values.get("outcome")
    if outcome not in ("revoked", "renewed", "escalated"):
        said.append("outcome_invalid")
    said += missing(p, "action_owner_ref", "action_at")
    if outcome == "revoked":
        said += missing(p, "license_revocation_ref", "access_revocation_ref")
    if outcome == "renewed":
        said += missing(p, "renewal_ref")
        if p.values.get("renewal_term") != "perpetual":
            said += missing(p, "new_expires_at")
    if outcome == "escalated":
        said += missing(p, "escalation_ref")
    return said


def unknown(p, names, kinds):
    """B9, B18: what is called as rows of ours are, and is none of this trial's."""
    refs = [p.values.get(name) or "" for name in names]
    return [ref for ref in refs if ref.split(":")[0] in kinds and ref not in p.rows]


def expect_follow_up(p):
    """B6-B12, B14, B15, B18."""
    said = chain_says(p, "expiry", "approval_package_mismatch")
    if p.values.get("notification_channel") not in (
        "email",
        "customer_success",
        "support_ticket",
        "crm_task",
    ):
        said.append("channel_invalid")
    said += missing(p, "notification_ref", "delivery_owner_ref", "delivery_tracking_ref")
    if unknown(p, ("notification_ref", "delivery_tracking_ref"), ("grace", "notification")):
        said.append("notification_unknown")
    if p.delivery == "failed":
        said.append("notification_failed")
    outcome = ended_as(p)
    if outcome in ("renewed", "escalated"):
        said += missing(p, "grace_ref", "grace_approval_ref")
    graces = {ref for ref in p.rows if ref.partition(":")[0] == "grace"}
    if {p.values.get("grace_ref"), p.values.get("grace_approval_ref")} - {None, "", *graces}:
        said.append("grace_unknown")
    if outcome in ("renewed", "escalated"):
        said += missing(p, "commercial_handoff_ref")
    if outcome == "revoked":
        said += missing(p, "closeout_handoff_ref")
    return said + handed(p.handoffs)


def handed(handoffs):
    """B12, B15."""
    told = {"owner": "owner_ref", "next_action": "next_action_ref", "tracking": "tracking_ref"}
    lacking = [
        word for word, name in told.items() if not handoffs or "" in [getattr(h, name) for h in handoffs]
    ]
    return [f"handoff_{word}_missing" for word in lacking]


def expect_conversion(p):
    """B22."""
    said = chain_says(p, "follow_up", "follow_up_package_mismatch")
    if ended_as(p) not in ("renewed", "escalated"):
        said.append("outcome_does_not_convert")
    if not p.predecessor or not p.predecessor.values.get("commercial_handoff_ref"):
        said.append("commercial_handoff_missing")
    if p.values.get("target") not in ("paid_pilot", "production"):
        said.append("target_invalid")
    said += missing(p, "customer_success_owner_ref", "sales_owner_ref", "support_owner_ref")
    for member, word, code in (
        ("entitlement_readiness", "ready", "entitlements_not_ready"),
        ("onboarding_readiness", "ready", "onboarding_not_ready"),
        ("commercial_approval", "approved", "commercial_not_approved"),
        ("technical_approval", "approved", "technical_not_approved"),
    ):
        if p.values.get(member) != word:
            said.append(code)
    return said + missing(p, "target_start_at")


def expect_activation(p):
    """B23."""
    said = chain_says(p, "conversion", "conversion_package_mismatch")
    conversion = behind(p, S.CONVERSION)
    target = conversion.values.get("target") if conversion else None
    if target == "paid_pilot":
        if any(p.values.get(name) for name in PRODUCTION):
            said.append("production_plan_in_a_pilot")
        said += missing(p, *PILOT)
    if target == "production":
        if any(p.values.get(name) for name in PILOT):
            said.append("pilot_plan_in_production")
        said += missing(p, *PRODUCTION)
    return said


def expect_closeout(p):
    """B24, B25."""
    said = chain_says(p, "earlier", "earlier_package_mismatch")
    outcome = ended_as(p)
    goes_on = outcome in ("renewed", "escalated")
    if goes_on and behind(p, S.ACTIVATION) is None:
        said.append("conversion_left_out")
    said += missing(p, "cs_closeout_ref", "support_closeout_ref")
    if p.values.get("billing_status") not in ("pending", "invoiced", "paid", "not_billed"):
        said.append("billing_status_invalid")
    if goes_on:
        said += missing(
            p, "release_acceptance_ref", "finance_owner_ref", "revenue_owner_ref", "order_handoff_ref",
            "forecast_ref", "recognition_ref",
        )  # fmt: skip
    said += missing(p, "renewal_owner_ref")
    names = ("license_validation", "package_pull", "trial_portal_access", "report_render", "support_handoff")
    if outcome == "revoked":
        said += [f"access_check_missing:{name}" for name in names if name not in p.checks]
        said += [f"access_check_failed:{name}" for name in names if p.checks.get(name) == "allowed"]
    return said


def expect_renewal_outcome(p):
    """B24."""
    said = chain_says(p, "closeout", "closeout_package_mismatch")
    if p.values.get("outcome") not in ("renewed", "expanded", "deferred", "closed_lost"):
        said.append("outcome_invalid")
    said += missing(p, "renewal_owner_ref")
    before = p.predecessor
    if before is None or (p.values.get("renewal_owner_ref") or "") != (
        before.values.get("renewal_owner_ref") or ""
    ):
        said.append("renewal_owner_differs")
    return said + missing(p, "outcome_ref", "decided_at")


TABLE = {
    S.ACCESS: expect_access,
    S.EXPIRY: expect_expiry,
    S.FOLLOW_UP: expect_follow_up,
    S.CONVERSION: expect_conversion,
    S.ACTIVATION: expect_activation,
    S.CLOSEOUT: expect_closeout,
    S.RENEWAL_OUTCOME: expect_renewal_outcome,
}


def expected(package):
    return TABLE[package.stage](package)


# --- packages of every kind ------------------------------------------------------------------------------


@st.composite
def packages(draw, stage):
    """A chain up to a stage, each link with some of its members missing, wrong, or another's."""
    outcome = draw(st.sampled_from(["revoked", "renewed", "escalated"]))
    target = draw(st.sampled_from(["paid_pilot", "production"]))
    return spoil(draw, good(stage, outcome, target))


def spoil(draw, package):
    before = package.predecessor
    if before is not None:
        before = draw(st.sampled_from([None, before, before])) if draw(st.booleans()) else spoil(draw, before)
    values = dict(package.values)
    for field in STAGES[package.stage].fields:
        fate = draw(st.sampled_from(["keep"] * 6 + ["drop", "other"]))
        if fate == "drop":
            values.pop(field.name, None)
        elif fate == "other":
            values[field.name] = draw(another(field))
    approvals = st.sampled_from(
        [
            package.approval,
            None,
            ApprovalFacts(package.digest, approved=False),
            ApprovalFacts("old", approved=True),
        ]
    )
    kept = st.sampled_from([True, True, True, False])
    return replace(
        package,
        values=values,
        predecessor=before,
        predecessor_digest=package.predecessor_digest if draw(kept) else "of an older version",
        approval=package.approval if draw(kept) else draw(approvals),
        handoffs=package.handoffs if draw(kept) else draw(handoffs),
        delivery=draw(st.sampled_from([package.delivery, DeliveryState.FAILED]))
        if package.stage is S.FOLLOW_UP
        else None,
        rows=draw(st.sampled_from([package.rows, package.rows, frozenset()])),
        checks=draw(checks) if package.stage is S.CLOSEOUT and not draw(kept) else package.checks,
    )


def another(field):
    if field.kind is FieldKind.INSTANT:
        return st.just(AT + timedelta(days=1))
    if field.words is not None:
        return st.sampled_from([*(word.value for word in field.words), "nonsense"])
    return st.sampled_from(["ref:another", "grace:1", "grace:2", "notification:1", "notification:2"])


handoffs = st.lists(
    st.builds(
        HandoffFacts,
        st.sampled_from(HandoffKind),
        st.sampled_from(["", "user:1"]),
        st.sampled_from(["", "task:1"]),
        st.sampled_from(["", "task:2"]),
    ),
    max_size=3,
).map(tuple)
checks = st.dictionaries(st.sampled_from(AccessCheck), st.sampled_from(CheckResult))


@pytest.mark.parametrize("stage", StageName)
@given(data=st.data())
def test_the_gates_say_what_the_rows_say(stage, data):
    """B2, B5-B13, B22-B25: every blocker at once, in the order of the rows, against an independent table."""
    package = data.draw(packages(stage))
    answer = evaluate(package, STAGES)
    assert list(answer.codes) == expected(package)
    assert (answer.state is State.READY) == (not answer.blockers)
    assert evaluate(package, STAGES) == answer


@pytest.mark.parametrize("target", ["paid_pilot", "production"])
@pytest.mark.parametrize("outcome", ["revoked", "renewed", "escalated"])
@pytest.mark.parametrize("stage", StageName)
def test_a_chain_with_everything_is_ready(stage, outcome, target):
    """B13: ready only when the list is empty; a revoked trial has no conversion."""
    package = good(stage, outcome, target)
    blocked = outcome == "revoked" and stage in (S.CONVERSION, S.ACTIVATION)
    assert (codes(package) == []) is not blocked


@pytest.mark.parametrize("stage", [stage for stage in StageName if stage is not S.ACCESS])
def test_no_stage_is_ready_without_the_one_before(stage):
    """B2: a package without a valid predecessor cannot be ready."""
    assert evaluate(replace(good(stage), predecessor=None), STAGES).state is State.BLOCKED


def test_an_edited_predecessor_opens_the_blocker_again():
    """B8: its digest changes, and what was approved is no longer what is in use."""
    package = good(S.FOLLOW_UP)
    edited = replace(package.predecessor, digest="another")
    assert codes(replace(package, predecessor=edited)) == ["approval_package_mismatch"]


def test_codes_name_one_blocker_each():
    """B13: stable codes; no stage says one code for two things."""
    for stage in STAGES.values():
        told = [gate.code for gate in stage.gates]
        assert len(told) == len(set(told)), stage.name
