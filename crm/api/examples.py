"""Examples of answers in the schema."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample

_TOUCH = {"source": "newsletter", "medium": "email", "campaign": "spring", "at": "2026-03-01T08:00:00Z"}
PERSON = OpenApiExample(
    "Somebody who is trying",
    value={
        "person": "0195581c-2f4e-7d3a-9b6e-6a1f0c5d8e21",
        "name": "Grace Hopper",
        "email": "grace@globex.example",
        "company": "Globex",
        "job_title": "",
        "phone": "",
        "account": "globex",
        "owner": "sam@signet.example",
        "consent": "unknown",
        "consent_at": None,
        "origin": "trial",
        "first_touch": _TOUCH,
        "last_touch": _TOUCH,
        "engagement": "active",
        "last_seen_at": "2026-03-02T09:00:00Z",
        "version": "4.2.0",
        "operating_system": "linux",
        "nodes": 1,
        "cap_state": "within",
        "created_at": "2026-03-02T09:30:00Z",
        "changed_at": "2026-03-02T09:30:00Z",
    },
    response_only=True,
)
PERSON_WHOLE = OpenApiExample(
    "Somebody who is trying, with every touch",
    value={**PERSON.value, "touches": [_TOUCH]},
    response_only=True,
)
TASK = OpenApiExample(
    "A trial that was never installed",
    value={
        "task": "0195581c-2f4e-7d3a-9b6e-6a1f0c5d8e22",
        "kind": "stuck",
        "title": "Globex: the trial was never installed",
        "text": "",
        "next_action": "Ask what is in the way of the installation",
        "status": "open",
        "owner": "sam@signet.example",
        "due_on": "2026-03-04",
        "snoozed_until": None,
        "account": "globex",
        "person": "0195581c-2f4e-7d3a-9b6e-6a1f0c5d8e21",
        "subject_type": "trial",
        "subject_id": "0195581c-2f4e-7d3a-9b6e-6a1f0c5d8e23",
        "created_by": "system:crm",
        "created_at": "2026-03-02T09:30:00Z",
        "changed_at": "2026-03-02T09:30:00Z",
        "ended_by": "",
        "ended_at": None,
    },
    response_only=True,
)
