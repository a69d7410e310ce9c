"""Examples of evidence's bodies and answers in the schema."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

TRIAL = "01978f2e-5a70-7c3d-9f1e-3b5a7c9d1e2f"
PACKAGE = "01978f2e-6b81-7d4e-8a2f-4c6b8d0e2f3a"
DIGEST = "9f2c4a1be0d35c7786c21f0e4b9a65d8f7130c2e5b8a49d6e1f07c3b2a5d8e94"
AT = "2026-03-02T09:30:00Z"


def _answer(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=["200", "201"])


def _body(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True)


_STEP: dict[str, Any] = {
    "package": PACKAGE,
    "stage": "expiry",
    "title": "Expiry",
    "version": 1,
    "digest": DIGEST,
    "predecessor_digest": DIGEST[::-1],
    "state": "blocked",
    "approved": False,
    "blockers": [
        {
            "code": "escalation_ref_missing",
            "says": "The reference of the escalation is missing.",
            "clears": "Fill in: the reference of the escalation.",
            "where": "package",
            "href": f"/api/v1/trials/{TRIAL}/evidence/expiry",
        }
    ],
    "values": {"outcome": "escalated", "action_owner_ref": "user:7", "action_at": AT},
    "author": "user:7",
    "changed_at": AT,
    "decisions": [],
    "handoffs": [],
    "notifications": [],
}
STEP = [_answer("An expiry that waits for one reference", _STEP)]
CHAIN = [
    _answer(
        "A trial that was escalated",
        {
            "trial": TRIAL, "packages": [_STEP], "openable": ["follow_up"], "graces": [], "access_checks": [],
        },
    )
]  # fmt: skip
MEMBERS = [
    _body("An escalation", {"values": {"outcome": "escalated", "escalation_ref": "CS-1187", "action_at": AT}})
]
DECISION = [_body("Approve", {"digest": DIGEST, "approved": True, "comment": "Owner and ticket are right."})]
HANDOFF = [
    _body(
        "To sales",
        {
            "owner_ref": "user:7", "next_action_ref": "task:42", "tracking_kind": "crm_task",
            "tracking_ref": "task:42",
        },
    )
]  # fmt: skip
NOTIFY = [
    _body("By mail", {"channel": "email", "delivery_owner_ref": "user:7"}),
    _body("Through a ticket", {"channel": "support_ticket", "tracking_ref": "T-2041"}),
]
CHECK = [_body("A door that is shut", {"check": "package_pull", "result": "blocked", "reference": "T-2042"})]
GRACE = [_body("Two more weeks, with a renewed license", {"until": "2026-03-16T09:30:00Z", "renew": True})]
