"""The stages of evidence. Adding one is adding one definition here, and its name to `StageName`.

Sources: B2-B13 (chain, access, expiry, follow-up), B22 (conversion), B23 (activation), B24 (closeout and renewal
outcome), B25 (blocked-access checks). The order of gates is the order in which blockers are told.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from trials.domain.evidence.gates import Field, FieldKind, Gate, PackageFacts, Stage, approved, evaluate
from trials.domain.evidence.words import (
    GOES_ON,
    AccessChannel,
    AccessCheck,
    BillingStatus,
    CheckResult,
    Consent,
    DeliveryState,
    ExpiryOutcome,
    HandoffKind,
    NotificationChannel,
    Readiness,
    ReleaseApproval,
    RenewalOutcome,
    StageName,
    State,
    Target,
)

# --- small words for gates ----------------------------------------------------------------------------


def _ref(name: str, hint: str = "") -> Field:
    return Field(name, FieldKind.REFERENCE, hint=hint)


def _choice(name: str, words: type[StrEnum], hint: str = "") -> Field:
    return Field(name, FieldKind.CHOICE, words, hint)


def _instant(name: str, hint: str = "") -> Field:
    return Field(name, FieldKind.INSTANT, hint=hint)


def _needs(name: str, what: str, when: Callable[[PackageFacts], bool] | None = None) -> Gate:
    """A member that must be there; with `when`, only then."""
    return Gate(
        f"{name}_missing",
        f"{what} is missing.",
        f"Fill in: {what[:1].lower()}{what[1:]}.",
        lambda p: (when is None or when(p)) and not p.values.get(name),
    )


def _one_of(name: str, words: type[StrEnum], what: str, code: str) -> Gate:
    known = {word.value for word in words}
    return Gate(
        code, f"{what} is none of {', '.join(sorted(known))}.", f"Choose {what[:1].lower()}{what[1:]}.",
        lambda p: p.text(name) not in known,
    )  # fmt: skip


def _is(name: str, wanted: str, code: str, what: str) -> Gate:
    return Gate(
        code,
        f"{what} is not {wanted}.",
        f"Have it {wanted}, then say so here.",
        lambda p: p.text(name) != wanted,
    )


def _after(before: str, code: str, *, mismatch: str) -> tuple[Gate, Gate, Gate]:
    """What every stage but the first asks of the one before: ready, approved, and the same as was approved."""
    return (
        Gate(
            f"{code}_evidence_not_ready", f"The {before} evidence is not ready.",
            f"Clear the blockers of the {before} stage.",
            lambda p: p.predecessor is None or evaluate(p.predecessor, STAGES).state != State.READY, "predecessor",
        ),
        Gate(
            f"{code}_approval_not_approved", f"The {before} evidence is not approved.",
            f"Somebody other than its author approves the {before} package.",
            lambda p: p.predecessor is None
            or p.predecessor.approval is None
            or not p.predecessor.approval.approved, "approval",
        ),
        Gate(
            mismatch, f"What was approved of the {before} stage is not the package in use.",
            f"Have the present version of the {before} package approved, and build on it.",
            lambda p: not _matches(p), "approval",
        ),
    )  # fmt: skip


def _matches(package: PackageFacts) -> bool:
    before = package.predecessor
    return before is not None and approved(before) and package.predecessor_digest == before.digest


def _outcome(package: PackageFacts) -> str:
    """How access ended, as the expiry package behind this one says; its own when it is one."""
    expiry = package if package.stage == StageName.EXPIRY else package.before(StageName.EXPIRY)
    return expiry.text("outcome") if expiry is not None else ""


def _ends(package: PackageFacts) -> bool:
    return _outcome(package) == ExpiryOutcome.REVOKED


def _goes_on(package: PackageFacts) -> bool:
    return _outcome(package) in GOES_ON


def _target(package: PackageFacts) -> str:
    conversion = package.before(StageName.CONVERSION)
    return conversion.text("target") if conversion is not None else ""


def _pilot(package: PackageFacts) -> bool:
    return _target(package) == Target.PAID_PILOT


def _production(package: PackageFacts) -> bool:
    return _target(package) == Target.PRODUCTION


# --- access (B3) --------------------------------------------------------------------------------------

ACCESS = Stage(
    StageName.ACCESS, "Access", "What was granted, of which release, under which license, until when.", (),
    (
        _ref("release_ref", "The approved release, as release:2026.11."),
        _choice("release_approval", ReleaseApproval),
        _ref("license_ref"),
        _ref("issuance_ref"),
        _ref("entitlement_ref"),
        _ref("evaluator_ref", "The evaluator by an opaque id."),
        _ref("organisation_ref"),
        _choice("channel", AccessChannel, "How the product reached the evaluator."),
        _ref("artifact_ref", "The artifact by digest or id."),
        _ref("access_grant_ref"),
        _ref("support_owner_ref"),
        _ref("onboarding_ref"),
        _ref("revocation_ref", "How access would be taken back."),
        _instant("issued_at"),
        _instant("license_expires_at"),
        _instant("access_expires_at"),
    ),
    (
        _is("release_approval", ReleaseApproval.APPROVED, "release_not_approved", "The release"),
        _needs("issuance_ref", "The reference of the issuance"),
        _needs("access_grant_ref", "The reference of the access grant"),
        _one_of("channel", AccessChannel, "The channel", "channel_invalid"),
        Gate(
            "license_expiry_differs", "License and access do not end at the same instant.",
            "Give access the end of the license, or renew the license to the end of access.",
            lambda p: p.instant("license_expires_at") is None
            or p.instant("license_expires_at") != p.instant("access_expires_at"),
        ),
    ),
)  # fmt: skip

# --- expiry (B4, B5) ----------------------------------------------------------------------------------

EXPIRY = Stage(
    StageName.EXPIRY, "Expiry", "How access ended, or went on, and who saw to it.", (StageName.ACCESS,),
    (
        _choice("outcome", ExpiryOutcome),
        _ref("access_evidence_ref"),
        _ref("access_approval_ref"),
        _ref("license_ref"),
        _ref("evaluator_ref"),
        _ref("organisation_ref"),
        _instant("original_expires_at"),
        _ref("action_owner_ref"),
        _instant("action_at"),
        _ref("license_revocation_ref", "Of a revoked trial."),
        _ref("access_revocation_ref", "Of a revoked trial."),
        _ref("renewal_ref", "Of a renewed trial."),
        _instant("new_expires_at", "Of a renewed trial."),
        _ref("escalation_ref", "Of an escalated trial."),
    ),
    (
        *_after("access", "access", mismatch="access_package_mismatch"),
        _one_of("outcome", ExpiryOutcome, "The outcome", "outcome_invalid"),
        _needs("action_owner_ref", "The owner of the action"),
        _needs("action_at", "The time of the action"),
        _needs("license_revocation_ref", "The reference of the license's revocation", _ends),
        _needs("access_revocation_ref", "The reference of the revocation of access", _ends),
        _needs("renewal_ref", "The reference of the renewal", lambda p: _outcome(p) == ExpiryOutcome.RENEWED),
        _needs("new_expires_at", "The new end", lambda p: _outcome(p) == ExpiryOutcome.RENEWED),
        _needs(
            "escalation_ref", "The reference of the escalation",
            lambda p: _outcome(p) == ExpiryOutcome.ESCALATED,
        ),
    ),
)  # fmt: skip

# --- follow-up (B6-B12, B14-B16, B18) -----------------------------------------------------------------


def _handoffs_lack(name: str) -> Callable[[PackageFacts], bool]:
    return lambda p: not p.handoffs or any(not getattr(handoff, name) for handoff in p.handoffs)


FOLLOW_UP = Stage(
    StageName.FOLLOW_UP, "Follow-up", "How the evaluator was told, what was granted, and to whom it was handed.",
    (StageName.EXPIRY,),
    (
        _choice("notification_channel", NotificationChannel),
        _ref("notification_ref"),
        _ref("delivery_owner_ref"),
        _ref("delivery_tracking_ref"),
        _ref("grace_ref", "Of a renewed or escalated trial."),
        _ref("grace_approval_ref", "Of a renewed or escalated trial."),
        _ref("commercial_handoff_ref", "Of a renewed or escalated trial."),
        _ref("closeout_handoff_ref", "Of a revoked trial."),
        _ref("follow_up_ref", "The record of the follow-up, or of the closeout."),
    ),
    (
        *_after("expiry", "expiry", mismatch="approval_package_mismatch"),
        _one_of("notification_channel", NotificationChannel, "The channel of the notification", "channel_invalid"),
        _needs("notification_ref", "The reference of the notification"),
        _needs("delivery_owner_ref", "The owner of the delivery"),
        _needs("delivery_tracking_ref", "The tracking reference of the delivery"),
        Gate(
            "notification_failed", "The notification could not be delivered.",
            "Send it again, or choose another channel.", lambda p: p.delivery == DeliveryState.FAILED,
            "notification",
        ),
        _needs("grace_ref", "The reference of the grace period", _goes_on),
        _needs("grace_approval_ref", "The approval of the grace period", _goes_on),
        _needs("commercial_handoff_ref", "The reference of the commercial handoff", _goes_on),
        _needs("closeout_handoff_ref", "The reference of the closeout's commercial handoff", _ends),
        Gate(
            "handoff_owner_missing", "A handoff has no owner, or there is none.",
            "Name who takes each handoff.", _handoffs_lack("owner_ref"), "handoffs",
        ),
        Gate(
            "handoff_next_action_missing", "A handoff has no next action.",
            "Say by reference what happens next in each handoff.", _handoffs_lack("next_action_ref"), "handoffs",
        ),
    ),
)  # fmt: skip

# --- conversion readiness (B22) -----------------------------------------------------------------------

CONVERSION = Stage(
    StageName.CONVERSION, "Conversion readiness", "Whether everything stands for a paid pilot or production.",
    (StageName.FOLLOW_UP,),
    (
        _choice("target", Target),
        _ref("customer_success_owner_ref"),
        _ref("sales_owner_ref"),
        _ref("support_owner_ref"),
        _choice("entitlement_readiness", Readiness),
        _choice("onboarding_readiness", Readiness),
        _choice("commercial_approval", Consent),
        _choice("technical_approval", Consent),
        _instant("target_start_at"),
    ),
    (
        *_after("follow-up", "follow_up", mismatch="follow_up_package_mismatch"),
        Gate(
            "outcome_does_not_convert", "The trial was revoked: there is nothing to convert.",
            "Close it out instead.", lambda p: not _goes_on(p), "predecessor",
        ),
        Gate(
            "commercial_handoff_missing", "The follow-up names no commercial handoff.",
            "Add it to the follow-up package.",
            lambda p: not (p.predecessor and p.predecessor.values.get("commercial_handoff_ref")), "predecessor",
        ),
        _one_of("target", Target, "The target", "target_invalid"),
        _needs("customer_success_owner_ref", "The owner in customer success"),
        _needs("sales_owner_ref", "The owner in sales"),
        _needs("support_owner_ref", "The owner in support"),
        _is("entitlement_readiness", Readiness.READY, "entitlements_not_ready", "The entitlement"),
        _is("onboarding_readiness", Readiness.READY, "onboarding_not_ready", "Onboarding"),
        _is("commercial_approval", Consent.APPROVED, "commercial_not_approved", "The commercial side"),
        _is("technical_approval", Consent.APPROVED, "technical_not_approved", "The technical side"),
        _needs("target_start_at", "The start that is aimed at"),
    ),
)  # fmt: skip

# --- activation or production handoff (B23) -----------------------------------------------------------

PILOT_PLAN = {
    "activation_ref": "The activation",
    "entitlement_activation_ref": "The activation of the entitlement",
    "license_transition_ref": "The license's transition",
    "billing_handoff_ref": "The handoff to billing",
    "cs_handoff_ref": "The handoff to customer success",
    "support_handoff_ref": "The handoff to support",
    "activation_owner_ref": "The owner of the activation",
    "activation_at": "The time of the activation",
}
PRODUCTION_PLAN = {
    "production_handoff_ref": "The production handoff",
    "tenant_provisioning_ref": "The provisioning of the tenant",
    "production_entitlement_ref": "The production entitlement",
    "production_license_ref": "The production license",
    "billing_account_ref": "The billing account",
    "runbook_ref": "The runbook",
    "production_support_owner_ref": "The owner in support",
    "production_cs_owner_ref": "The owner in customer success",
    "technical_owner_ref": "The technical owner",
    "go_live_at": "The time of going live",
}


def _plan_fields(plan: dict[str, str], of: str) -> tuple[Field, ...]:
    return tuple(_instant(name, of) if name.endswith("_at") else _ref(name, of) for name in plan)


def _carries(plan: dict[str, str]) -> Callable[[PackageFacts], bool]:
    return lambda p: any(p.values.get(name) for name in plan)


ACTIVATION = Stage(
    StageName.ACTIVATION, "Activation or production handoff", "How the paid pilot, or production, began.",
    (StageName.CONVERSION,),
    (
        *_plan_fields(PILOT_PLAN, "Of a paid pilot."),
        *_plan_fields(PRODUCTION_PLAN, "Of production."),
    ),
    (
        *_after("conversion", "conversion", mismatch="conversion_package_mismatch"),
        Gate(
            "production_plan_in_a_pilot", "A paid pilot carries a production plan.",
            "Empty the members of the production plan.",
            lambda p: _pilot(p) and _carries(PRODUCTION_PLAN)(p),
        ),
        Gate(
            "pilot_plan_in_production", "A production conversion carries a pilot plan.",
            "Empty the members of the pilot plan.", lambda p: _production(p) and _carries(PILOT_PLAN)(p),
        ),
        *(_needs(name, what, _pilot) for name, what in PILOT_PLAN.items()),
        *(_needs(name, what, _production) for name, what in PRODUCTION_PLAN.items()),
    ),
)  # fmt: skip

# --- closeout and revenue (B24, B25) ------------------------------------------------------------------

_REVENUE = {
    "release_acceptance_ref": "The acceptance of the release",
    "finance_owner_ref": "The owner in finance",
    "revenue_owner_ref": "The owner of the revenue",
    "order_handoff_ref": "The handoff of the order",
    "forecast_ref": "The forecast",
    "recognition_ref": "The recognition of revenue",
}


def _check_made(check: AccessCheck) -> Gate:
    return Gate(
        f"access_check_missing:{check}",
        f"It was not checked that {check.replace('_', ' ')} is blocked.",
        "Run the blocked-access checks.",
        lambda p: _ends(p) and check not in p.checks,
        "checks",
    )


def _check_passed(check: AccessCheck) -> Gate:
    return Gate(
        f"access_check_failed:{check}",
        f"{check.replace('_', ' ').capitalize()} is still allowed.",
        "Shut it, then run the checks again.",
        lambda p: p.checks.get(check) == CheckResult.ALLOWED,
        "checks",
    )


CLOSEOUT = Stage(
    StageName.CLOSEOUT, "Closeout and revenue", "What is settled, who owns what follows, and that old access is shut.",
    # a revoked trial is closed out straight after its follow-up
    (StageName.ACTIVATION, StageName.FOLLOW_UP),
    (
        _ref("cs_closeout_ref"),
        _ref("support_closeout_ref"),
        _ref("release_acceptance_ref", "Of a converted trial."),
        _ref("finance_owner_ref", "Of a converted trial."),
        _ref("revenue_owner_ref", "Of a converted trial."),
        _choice("billing_status", BillingStatus),
        _ref("order_handoff_ref", "Of a converted trial."),
        _ref("forecast_ref", "Of a converted trial."),
        _ref("recognition_ref", "Of a converted trial."),
        _ref("renewal_owner_ref", "Who answers for the renewal."),
    ),
    (
        *_after("earlier", "earlier", mismatch="earlier_package_mismatch"),
        Gate(
            "conversion_left_out", "The trial went on, and its conversion is not in the chain.",
            "Build the closeout on the activation.",
            lambda p: _goes_on(p) and p.before(StageName.ACTIVATION) is None, "predecessor",
        ),
        _needs("cs_closeout_ref", "The closeout by customer success"),
        _needs("support_closeout_ref", "The closeout by support"),
        _one_of("billing_status", BillingStatus, "The billing status", "billing_status_invalid"),
        *(_needs(name, what, _goes_on) for name, what in _REVENUE.items()),
        _needs("renewal_owner_ref", "The owner of the renewal"),
        *(_check_made(check) for check in AccessCheck),
        *(_check_passed(check) for check in AccessCheck),
    ),
)  # fmt: skip

# --- renewal outcome (B24) ----------------------------------------------------------------------------


def _another_owner(package: PackageFacts) -> bool:
    before = package.predecessor
    return before is None or package.text("renewal_owner_ref") != before.text("renewal_owner_ref")


RENEWAL_OUTCOME = Stage(
    StageName.RENEWAL_OUTCOME, "Renewal outcome", "What became of the relation.", (StageName.CLOSEOUT,),
    (
        _choice("outcome", RenewalOutcome),
        _ref("renewal_owner_ref"),
        _ref("outcome_ref"),
        _instant("decided_at"),
    ),
    (
        *_after("closeout", "closeout", mismatch="closeout_package_mismatch"),
        _one_of("outcome", RenewalOutcome, "The outcome", "outcome_invalid"),
        _needs("renewal_owner_ref", "The owner of the renewal"),
        Gate(
            "renewal_owner_differs", "The owner of the renewal is not the one approved with the closeout.",
            "Name the approved owner, or have the closeout approved with the new one.", _another_owner,
        ),
        _needs("outcome_ref", "The reference of the outcome"),
        _needs("decided_at", "The time of the decision"),
    ),
)  # fmt: skip

STAGES: dict[StageName, Stage] = {
    stage.name: stage
    for stage in (ACCESS, EXPIRY, FOLLOW_UP, CONVERSION, ACTIVATION, CLOSEOUT, RENEWAL_OUTCOME)
}

HANDOFFS: dict[str, tuple[HandoffKind, ...]] = {
    ExpiryOutcome.REVOKED: (HandoffKind.CUSTOMER_SUCCESS, HandoffKind.SUPPORT),
    ExpiryOutcome.RENEWED: (HandoffKind.CUSTOMER_SUCCESS, HandoffKind.SALES),
    ExpiryOutcome.ESCALATED: (HandoffKind.CUSTOMER_SUCCESS, HandoffKind.SALES, HandoffKind.SUPPORT),
}
"""The handoffs that a follow-up of each outcome is drafted with (B15, B16)."""
