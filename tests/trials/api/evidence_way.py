"""Walks a trial's evidence over HTTP: one key writes, another one decides."""

from __future__ import annotations

from datetime import timedelta

from trials.domain.evidence.stages import HANDOFFS, PILOT_PLAN, PRODUCTION_PLAN, STAGES
from trials.domain.evidence.words import AccessCheck, StageName

S = StageName
ORDER = {
    "revoked": (S.ACCESS, S.EXPIRY, S.FOLLOW_UP, S.CLOSEOUT, S.RENEWAL_OUTCOME),
    "renewed": tuple(StageName),
    "escalated": tuple(StageName),
}


class Way:
    """The chain of one trial. `at` is the instant that members carry."""

    def __init__(self, writer, approver, trial, at, *, outcome="escalated", target="paid_pilot"):
        self.writer, self.approver, self.at = writer, approver, at.isoformat()
        self.until = (at + timedelta(days=14)).isoformat()
        self.outcome, self.target = outcome, target
        self.base = f"/api/v1/trials/{trial.uid}/evidence"

    # --- single steps ---------------------------------------------------------------------------

    def path(self, *parts):
        return "/".join((self.base, *parts))

    def read(self, stage):
        return self.writer.get(self.path(stage)).json()

    def codes(self, stage):
        return [blocker["code"] for blocker in self.read(stage)["blockers"]]

    def change(self, stage, **values):
        return _well(self.writer.patch(self.path(stage), {"values": values}))

    def decide(self, stage, *, approved=True):
        body = {"digest": self.read(stage)["digest"], "approved": approved}
        return _well(self.approver.post(self.path(stage, "decide"), body))

    def handoff(self, kind, owner_ref="user:7", next_action_ref="task:1", tracking_ref="task:2"):
        body = {"owner_ref": owner_ref, "next_action_ref": next_action_ref, "tracking_ref": tracking_ref}
        return _well(self.writer._send("put", self.path("follow_up/handoffs", kind), body))

    def notify(self, channel="crm_task", tracking_ref="task:9"):
        body = {"channel": channel, "tracking_ref": tracking_ref}
        return _well(self.writer.post(self.path("follow_up/notify"), body)).json()["notification"]

    def delivery(self, notification, state):
        return _well(self.writer.post(self.path("notifications", notification), {"state": state}))

    def attest(self, check, result="blocked"):
        body = {"check": check, "result": result, "reference": "T-2"}
        return _well(self.writer.post(self.path("checks"), body))

    def try_license(self):
        return _well(self.writer.post(self.path("checks/license")))

    def checks(self, *, without=""):
        for check in AccessCheck:
            if check == without:
                continue
            self.try_license() if check is AccessCheck.LICENSE_VALIDATION else self.attest(check)

    # --- stages ---------------------------------------------------------------------------------

    def to(self, stage):
        """Everything before a stage ready and approved, and the stage itself ready."""
        _well(self.writer.post(self.base))
        for name in ORDER[self.outcome]:
            getattr(self, f"_{name.value}")()
            if name is stage:
                return self
            if not self.read(name)["approved"]:
                self.decide(name)
        raise AssertionError(stage)

    def _access(self):
        pass

    def _expiry(self):
        more = {"escalated": {"escalation_ref": "CS-1187"}, "revoked": {}}.get(
            self.outcome, {"renewal_ref": "R-1", "new_expires_at": self.until}
        )
        self.change("expiry", outcome=self.outcome, action_owner_ref="user:1", action_at=self.at, **more)

    def _follow_up(self):
        if self.outcome != "revoked":
            _well(self.approver.post(self.path("graces"), {"until": self.until}))
            self.change("follow_up", commercial_handoff_ref="handoff:sales")
        for kind in HANDOFFS[self.outcome]:
            self.handoff(kind)
        self.notify()

    def _conversion(self):
        self._open(
            "conversion", target=self.target, customer_success_owner_ref="user:7", sales_owner_ref="user:8",
            support_owner_ref="user:9", entitlement_readiness="ready", onboarding_readiness="ready",
            commercial_approval="approved", technical_approval="approved", target_start_at=self.at,
        )  # fmt: skip

    def _activation(self):
        plan = PILOT_PLAN if self.target == "paid_pilot" else PRODUCTION_PLAN
        self._open("activation", **{name: self.at if name.endswith("_at") else "ref:1" for name in plan})

    def _closeout(self):
        members = [field.name for field in STAGES[S.CLOSEOUT].fields if field.name != "billing_status"]
        self._open("closeout", **dict.fromkeys(members, "user:8"), billing_status="paid")
        if self.outcome == "revoked":
            self.checks()

    def _renewal_outcome(self):
        self._open(
            "renewal_outcome",
            outcome="renewed",
            renewal_owner_ref="user:8",
            outcome_ref="ref:2",
            decided_at=self.at,
        )

    def _open(self, stage, **values):
        return _well(self.writer.post(self.path(stage), {"values": values}))


def _well(response):
    assert response.status_code < 300, response.content
    return response
