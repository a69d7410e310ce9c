"""Examples of bodies and answers in the schema."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

CREATED = "2026-03-02T09:30:00Z"
_WEBHOOK: dict[str, Any] = {
    "id": "0199cbed-5a35-7b77-a5a5-9b55ead1ee9f",
    "name": "Vendor portal",
    "url": "https://hooks.example.com/signet",
    "kinds": ["license.issued", "license.revoked"],
    "products": [],
    "enabled": True,
    "disabled_reason": "",
    "failing_since": None,
    "previous_secret_until": None,
    "created_by": "api-key:4be81f09c2d7",
    "created_at": CREATED,
}
_DELIVERY: dict[str, Any] = {
    "id": "0199cbef-11c2-7d41-9a3f-0c6f3b5a7e21",
    "event": "0199cbee-90aa-7c55-8d1d-53b1b7a0c4d2",
    "kind": "license.issued",
    "state": "delivered",
    "attempts": 1,
    "due_at": None,
    "last_status": 204,
    "last_error": "",
    "created_at": CREATED,
    "settled_at": "2026-03-02T09:30:01Z",
}
_BODY = (
    '{"type":"license.issued","timestamp":"2026-03-02T09:30:00.000000Z","data":'
    '{"id":"0199cbee-90aa-7c55-8d1d-53b1b7a0c4d2","position":4711,'
    '"subject":"license:L-AGMXVZHP2F4TTGZ7KQK3ZPN5YE","account":"C-7Q2M5XKD4W6T3ZRA","actor":"api-key",'
    '"data":{"format":"jwt","kid":"mWk0R3vV9x2bQd7T"}}}'
)
_ATTEMPT = {"status": 204, "error": "", "answer": "", "duration_ms": 83}

CREATE = OpenApiExample(
    "Issuances and revocations",
    value={name: _WEBHOOK[name] for name in ("name", "url", "kinds")},
    request_only=True,
)
WEBHOOK = OpenApiExample("An endpoint", value=_WEBHOOK, response_only=True)
DELETED = OpenApiExample("A deleted endpoint", value={**_WEBHOOK, "enabled": False}, response_only=True)
WITH_SECRET = OpenApiExample(
    "With its secret", value={**_WEBHOOK, "secret": "whsec_<44 characters>"}, response_only=True
)
DELIVERY = OpenApiExample("A delivery", value=_DELIVERY, response_only=True)
DETAIL = OpenApiExample(
    "With its attempts",
    value={**_DELIVERY, "body": _BODY, "log": [{"number": 1, "at": CREATED, **_ATTEMPT}]},
    response_only=True,
)
TESTED = OpenApiExample(
    "It works", value={"delivered": True, "delivery": _DELIVERY["id"], **_ATTEMPT}, response_only=True
)
REPLAY = OpenApiExample("Since an instant", value={"since": "2026-03-01T00:00:00Z"}, request_only=True)
REPLAYED = OpenApiExample("Three", value={"count": 3}, response_only=True)
