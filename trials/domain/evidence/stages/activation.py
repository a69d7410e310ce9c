"""Activation or production handoff (B23)."""

from __future__ import annotations

from collections.abc import Callable

from trials.domain.evidence.gates import Field, Gate, PackageFacts, Stage
from trials.domain.evidence.stages.parts import after, instant, needs, pilot, production, reference
from trials.domain.evidence.words import StageName

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
    return tuple(instant(name, of) if name.endswith("_at") else reference(name, of) for name in plan)


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
        *after("conversion", "conversion", mismatch="conversion_package_mismatch"),
        Gate(
            "production_plan_in_a_pilot", "A paid pilot carries a production plan.",
            "Empty the members of the production plan.",
            lambda p: pilot(p) and _carries(PRODUCTION_PLAN)(p),
        ),
        Gate(
            "pilot_plan_in_production", "A production conversion carries a pilot plan.",
            "Empty the members of the pilot plan.", lambda p: production(p) and _carries(PILOT_PLAN)(p),
        ),
        *(needs(name, what, pilot) for name, what in PILOT_PLAN.items()),
        *(needs(name, what, production) for name, what in PRODUCTION_PLAN.items()),
    ),
)  # fmt: skip
