"""Closeout and revenue (B24, B25)."""

from __future__ import annotations

from trials.domain.evidence.gates import Gate, Stage
from trials.domain.evidence.stages.parts import after, choice, ends, goes_on, needs, one_of, reference
from trials.domain.evidence.words import AccessCheck, BillingStatus, CheckResult, StageName

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
        lambda p: ends(p) and check not in p.checks,
        "checks",
    )


def _check_passed(check: AccessCheck) -> Gate:
    return Gate(
        f"access_check_failed:{check}",
        f"{check.replace('_', ' ').capitalize()} is still allowed.",
        "Shut it, then run the checks again.",
        lambda p: ends(p) and p.checks.get(check) == CheckResult.ALLOWED,
        "checks",
    )


CLOSEOUT = Stage(
    StageName.CLOSEOUT, "Closeout and revenue", "What is settled, who owns what follows, and that old access is shut.",
    # a revoked trial is closed out straight after its follow-up
    (StageName.ACTIVATION, StageName.FOLLOW_UP),
    (
        reference("cs_closeout_ref"),
        reference("support_closeout_ref"),
        reference("release_acceptance_ref", "Of a converted trial."),
        reference("finance_owner_ref", "Of a converted trial."),
        reference("revenue_owner_ref", "Of a converted trial."),
        choice("billing_status", BillingStatus),
        reference("order_handoff_ref", "Of a converted trial."),
        reference("forecast_ref", "Of a converted trial."),
        reference("recognition_ref", "Of a converted trial."),
        reference("renewal_owner_ref", "Who answers for the renewal."),
    ),
    (
        *after("earlier", "earlier", mismatch="earlier_package_mismatch"),
        Gate(
            "conversion_left_out", "The trial went on, and its conversion is not in the chain.",
            "Begin the conversion, then the activation: the closeout is built on that.",
            lambda p: goes_on(p) and p.before(StageName.ACTIVATION) is None, "conversion",
        ),
        needs("cs_closeout_ref", "The closeout by customer success"),
        needs("support_closeout_ref", "The closeout by support"),
        one_of("billing_status", BillingStatus, "The billing status", "billing_status_invalid"),
        *(needs(name, what, goes_on) for name, what in _REVENUE.items()),
        needs("renewal_owner_ref", "The owner of the renewal"),
        *(_check_made(check) for check in AccessCheck),
        *(_check_passed(check) for check in AccessCheck),
    ),
)  # fmt: skip
