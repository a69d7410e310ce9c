"""Access (B3)."""

from __future__ import annotations

from trials.domain.evidence.gates import Gate, Stage
from trials.domain.evidence.stages.parts import choice, instant, must_be, needs, one_of, reference
from trials.domain.evidence.words import AccessChannel, ReleaseApproval, StageName

ACCESS = Stage(
    StageName.ACCESS, "Access", "What was granted, of which release, under which license, until when.", (),
    (
        reference("release_ref", "The approved release, as release:2026.11."),
        choice("release_approval", ReleaseApproval),
        reference("license_ref"),
        reference("issuance_ref"),
        reference("entitlement_ref"),
        reference("evaluator_ref", "The evaluator by an opaque id."),
        reference("organisation_ref"),
        choice("channel", AccessChannel, "How the product reached the evaluator."),
        reference("artifact_ref", "The artifact by digest or id."),
        reference("access_grant_ref"),
        reference("support_owner_ref"),
        reference("onboarding_ref"),
        reference("revocation_ref", "How access would be taken back."),
        instant("issued_at"),
        instant("license_expires_at"),
        instant("access_expires_at"),
    ),
    (
        must_be("release_approval", ReleaseApproval.APPROVED, "release_not_approved", "The release"),
        needs("issuance_ref", "The reference of the issuance"),
        needs("access_grant_ref", "The reference of the access grant"),
        one_of("channel", AccessChannel, "The channel", "channel_invalid"),
        Gate(
            "license_expiry_differs", "License and access do not end at the same instant.",
            "Give access the end of the license, or renew the license to the end of access.",
            lambda p: p.instant("license_expires_at") is None
            or p.instant("license_expires_at") != p.instant("access_expires_at"),
        ),
    ),
)  # fmt: skip
