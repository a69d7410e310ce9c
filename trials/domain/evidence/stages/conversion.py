"""Conversion readiness (B22)."""

from __future__ import annotations

from trials.domain.evidence.gates import Gate, Stage
from trials.domain.evidence.stages.parts import (
    after,
    choice,
    goes_on,
    instant,
    must_be,
    needs,
    one_of,
    reference,
)
from trials.domain.evidence.words import Consent, Readiness, StageName, Target

CONVERSION = Stage(
    StageName.CONVERSION, "Conversion readiness", "Whether everything stands for a paid pilot or production.",
    (StageName.FOLLOW_UP,),
    (
        choice("target", Target),
        reference("customer_success_owner_ref"),
        reference("sales_owner_ref"),
        reference("support_owner_ref"),
        choice("entitlement_readiness", Readiness),
        choice("onboarding_readiness", Readiness),
        choice("commercial_approval", Consent),
        choice("technical_approval", Consent),
        instant("target_start_at"),
    ),
    (
        *after("follow-up", "follow_up", mismatch="follow_up_package_mismatch"),
        Gate(
            "outcome_does_not_convert", "The trial was revoked: there is nothing to convert.",
            "Close it out instead.", lambda p: not goes_on(p), "predecessor",
        ),
        Gate(
            "commercial_handoff_missing", "The follow-up names no commercial handoff.",
            "Add it to the follow-up package.",
            lambda p: not (p.predecessor and p.predecessor.values.get("commercial_handoff_ref")), "predecessor",
        ),
        one_of("target", Target, "The target", "target_invalid"),
        needs("customer_success_owner_ref", "The owner in customer success"),
        needs("sales_owner_ref", "The owner in sales"),
        needs("support_owner_ref", "The owner in support"),
        must_be("entitlement_readiness", Readiness.READY, "entitlements_not_ready", "The entitlement"),
        must_be("onboarding_readiness", Readiness.READY, "onboarding_not_ready", "Onboarding"),
        must_be("commercial_approval", Consent.APPROVED, "commercial_not_approved", "The commercial side"),
        must_be("technical_approval", Consent.APPROVED, "technical_not_approved", "The technical side"),
        needs("target_start_at", "The start that is aimed at"),
    ),
)  # fmt: skip
