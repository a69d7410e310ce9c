"""Every gate of every stage over HTTP: a chain that nothing blocks, and then the one thing that the gate looks at."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import transaction

from licenses.models import License
from tests.trials.api.evidence_way import ORDER, Way
from trials.domain.evidence.stages import PRODUCTION_PLAN, STAGES
from trials.domain.evidence.words import AccessCheck, StageName
from trials.services.running import trial_revoke, trial_sweep

pytestmark = pytest.mark.django_db

S = StageName
LATER = "2027-01-01T00:00:00Z"
# what says nothing wrong, and still makes a new version
HARMLESS = {
    S.ACCESS: {"onboarding_ref": "ref:9"}, S.EXPIRY: {"action_owner_ref": "user:99"},
    S.FOLLOW_UP: {"follow_up_ref": "ref:9"}, S.CONVERSION: {"sales_owner_ref": "user:99"},
    S.ACTIVATION: {"support_handoff_ref": "ref:9"}, S.CLOSEOUT: {"cs_closeout_ref": "ref:9"},
}  # fmt: skip
# without which the stage is not ready
NEEDED = {
    S.ACCESS: "issuance_ref", S.EXPIRY: "action_owner_ref", S.FOLLOW_UP: "delivery_owner_ref",
    S.CONVERSION: "sales_owner_ref", S.ACTIVATION: "support_handoff_ref", S.CLOSEOUT: "cs_closeout_ref",
}  # fmt: skip
# codes that do not end in `_missing`, and the member whose emptiness or word they tell of
MEMBER_OF = {
    "release_not_approved": ("release_approval", "pending"), "channel_invalid": ("channel", ""),
    "outcome_invalid": ("outcome", ""), "target_invalid": ("target", ""),
    "license_expiry_differs": ("access_expires_at", LATER), "billing_status_invalid": ("billing_status", ""),
    "entitlements_not_ready": ("entitlement_readiness", "pending"),
    "onboarding_not_ready": ("onboarding_readiness", "pending"),
    "commercial_not_approved": ("commercial_approval", "rejected"),
    "technical_not_approved": ("technical_approval", "rejected"),
    "production_plan_in_a_pilot": ("runbook_ref", "ref:1"), "pilot_plan_in_production": ("activation_ref", "ref:1"),
    "renewal_owner_differs": ("renewal_owner_ref", "user:99"),
}  # fmt: skip
REVOKED = {
    "license_revocation_ref_missing", "access_revocation_ref_missing", "closeout_handoff_ref_missing",
    *(f"access_check_missing:{check}" for check in AccessCheck),
    *(f"access_check_failed:{check}" for check in AccessCheck),
}  # fmt: skip
RENEWED = {"renewal_ref_missing", "new_expires_at_missing"}
PRODUCTION = {"pilot_plan_in_production", *(f"{name}_missing" for name in PRODUCTION_PLAN)}


def chain_for(stage, code):
    """Which chain a gate is judged on: how the trial went on, and to what."""
    if code in REVOKED:
        return "revoked", "paid_pilot"
    if stage is S.EXPIRY and code in RENEWED:
        return "renewed", "paid_pilot"
    return "escalated", "production" if code in PRODUCTION else "paid_pilot"


CASES = sorted({(stage, *chain_for(stage, gate.code)) for stage in StageName for gate in STAGES[stage].gates})


def leads_to(gate, stage, outcome):
    """The parts of the path where a blocker is cleared."""
    order = ORDER[outcome]
    before = order[max(order.index(stage) - 1, 0)]
    return {
        "package": (stage,), "predecessor": (before,), "approval": (before, "decide"), "checks": ("checks",),
        "handoffs": ("follow_up/handoffs",), "notification": ("follow_up/notify",), "grace": ("graces",),
    }[gate.where]  # fmt: skip


def open_door(way, check):
    """A check that finds the door open; our own license has to live again for that."""
    if check != AccessCheck.LICENSE_VALIDATION:
        way.attest(check, "allowed")
        return
    License.objects.update(status="active")
    way.try_license()


SPOILS = {
    "notification_failed": lambda way: way.delivery(way.notify(), "failed"),
    "notification_unknown": lambda way: way.change(
        "follow_up", notification_ref=f"notification:{UUID(int=7)}"
    ),
    "grace_unknown": lambda way: way.change("follow_up", grace_ref="x:1"),
    "handoff_owner_missing": lambda way: way.handoff("sales", owner_ref=""),
    "handoff_next_action_missing": lambda way: way.handoff("sales", next_action_ref=""),
    "handoff_tracking_missing": lambda way: way.handoff("sales", tracking_ref=""),
    "outcome_does_not_convert": lambda way: way.change("expiry", outcome="revoked"),
    "commercial_handoff_missing": lambda way: way.change("follow_up", commercial_handoff_ref=""),
}


def spoil(way, stage, code):
    """Undo exactly what the gate looks at."""
    order = ORDER[way.outcome]
    before = order[order.index(stage) - 1] if stage is not S.ACCESS else None
    kind, _, check = code.partition(":")
    if code.endswith("_evidence_not_ready"):
        way.change(before, **{NEEDED[before]: ""})
    elif code.endswith("_approval_not_approved"):
        way.change(before, **HARMLESS[before])
    elif code.endswith("_package_mismatch"):
        way.decide(stage)  # what nobody decided on is built anew by itself
        way.change(before, **HARMLESS[before])
        way.decide(before)
    elif code in SPOILS:
        SPOILS[code](way)
    elif kind == "access_check_failed":
        open_door(way, check)
    elif code in MEMBER_OF:
        member, word = MEMBER_OF[code]
        if (stage, code) == (S.FOLLOW_UP, "channel_invalid"):
            member = "notification_channel"
        way.change(stage, **{member: word})
    else:
        way.change(stage, **{code.removesuffix("_missing"): ""})


@pytest.fixture
def walk(api, make_key, running, clock, at):
    """Return a walker: `walk("revoked", "paid_pilot")` ends the trial that way."""
    writer, approver = api.as_(make_key("support")), api.as_(make_key("full-admin"))

    def start(outcome, target="paid_pilot"):
        late = at + timedelta(hours=1)
        if outcome == "revoked":
            trial_revoke(trial=running, reason="abuse", actor="user:1", at=at)
        else:
            late = running.ends_at + timedelta(hours=1)
            trial_sweep(at=late)
        clock.set(late)
        return Way(writer, approver, running, late, outcome=outcome, target=target)

    return start


LEFT_OUT = (S.CLOSEOUT, "conversion_left_out")


@pytest.mark.parametrize(("stage", "outcome", "target"), CASES)
def test_every_gate_blocks_over_http(walk, stage, outcome, target):
    """B2-B14, B22-B25: nothing blocks the chain; spoiling what a gate looks at tells its code, and where to go."""
    way = walk(outcome, target).to(stage)
    assert way.codes(stage) == []
    gates = [
        gate
        for gate in STAGES[stage].gates
        if chain_for(stage, gate.code) == (outcome, target) and (stage, gate.code) != LEFT_OUT
    ]
    assert gates
    for gate in gates:
        if gate.code.startswith("access_check_missing:"):
            continue  # a check that was made is never unmade: see the test of checks
        with transaction.atomic():
            spoil(way, stage, gate.code)
            told = {blocker["code"]: blocker for blocker in way.read(stage)["blockers"]}
            assert gate.code in told, (gate.code, list(told))
            assert (told[gate.code]["says"], told[gate.code]["where"]) == (gate.says, gate.where)
            assert told[gate.code]["href"] == way.path(*leads_to(gate, stage, outcome)), gate.code
            transaction.set_rollback(True)
        assert way.codes(stage) == [], gate.code


@pytest.mark.parametrize("check", AccessCheck)
def test_a_door_that_was_not_tried_blocks_the_closeout(walk, check):
    """B25: over HTTP, door by door."""
    way = walk("revoked").to(S.FOLLOW_UP)
    way.decide(S.FOLLOW_UP)
    way.checks(without=check)
    way._open("closeout", cs_closeout_ref="r:1", support_closeout_ref="r:1", billing_status="not_billed",
              renewal_owner_ref="user:8")  # fmt: skip
    assert way.codes("closeout") == [f"access_check_missing:{check}"]


def test_a_conversion_is_not_left_out_of_a_closeout(walk):
    """B2, B24: a trial that went on is closed out on its activation."""
    way = walk("escalated").to(S.FOLLOW_UP)
    way.decide(S.FOLLOW_UP)
    way._closeout()
    (told,) = way.read("closeout")["blockers"]
    assert (told["code"], told["href"]) == ("conversion_left_out", way.path("conversion"))


@pytest.mark.parametrize("outcome", ["revoked", "renewed", "escalated"])
def test_a_whole_chain_is_walked_over_http(walk, outcome):
    """B2, B13: to the end, with nothing left to clear; a revoked trial has neither conversion nor activation."""
    way = walk(outcome).to(S.RENEWAL_OUTCOME)
    way.decide(S.RENEWAL_OUTCOME)
    told = way.writer.get(way.base).json()
    assert [package["stage"] for package in told["packages"]] == [str(name) for name in ORDER[outcome]]
    assert all(package["approved"] and package["state"] == "ready" for package in told["packages"])
