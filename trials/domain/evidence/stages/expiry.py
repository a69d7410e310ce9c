"""Expiry (B4, B5)."""

from __future__ import annotations

from trials.domain.evidence.gates import Stage
from trials.domain.evidence.stages.parts import (
    after,
    choice,
    ends,
    instant,
    needs,
    one_of,
    outcome,
    reference,
)
from trials.domain.evidence.words import ExpiryOutcome, RenewalTerm, StageName

EXPIRY = Stage(
    StageName.EXPIRY, "Expiry", "How access ended, or went on, and who saw to it.", (StageName.ACCESS,),
    (
        choice("outcome", ExpiryOutcome),
        reference("access_evidence_ref"),
        reference("access_approval_ref"),
        reference("license_ref"),
        reference("evaluator_ref"),
        reference("organisation_ref"),
        instant("original_expires_at"),
        reference("action_owner_ref"),
        instant("action_at"),
        reference("license_revocation_ref", "Of a revoked trial."),
        reference("access_revocation_ref", "Of a revoked trial."),
        reference("renewal_ref", "Of a renewed trial."),
        choice("renewal_term", RenewalTerm, "Of a renewed trial: perpetual has no new end."),
        instant("new_expires_at", "Of a renewed trial, unless that is perpetual."),
        reference("escalation_ref", "Of an escalated trial."),
    ),
    (
        *after("access", "access", mismatch="access_package_mismatch"),
        one_of("outcome", ExpiryOutcome, "The outcome", "outcome_invalid"),
        needs("action_owner_ref", "The owner of the action"),
        needs("action_at", "The time of the action"),
        needs("license_revocation_ref", "The reference of the license's revocation", ends),
        needs("access_revocation_ref", "The reference of the revocation of access", ends),
        needs("renewal_ref", "The reference of the renewal", lambda p: outcome(p) == ExpiryOutcome.RENEWED),
        needs(
            "new_expires_at", "The new end",
            lambda p: outcome(p) == ExpiryOutcome.RENEWED and p.text("renewal_term") != RenewalTerm.PERPETUAL,
        ),
        needs(
            "escalation_ref", "The reference of the escalation",
            lambda p: outcome(p) == ExpiryOutcome.ESCALATED,
        ),
    ),
)  # fmt: skip
