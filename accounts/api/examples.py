"""Examples of answers in the schema."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample

ACCOUNT = OpenApiExample(
    "A prospect",
    value={
        "slug": "globex",
        "customer_id": "C-7Q2M5XKD4W6T3ZRA",
        "name": "Globex Corporation",
        "kind": "prospect",
        "email": "licenses@globex.example",
        "domain": "globex.example",
        "crm_ref": "",
        "notes": "",
        "created_at": "2026-03-02T09:30:00Z",
    },
    response_only=True,
)
MERGE = OpenApiExample(
    "The winner keeps its own particulars but the e-mail",
    value={"into": "globex", "keep": {"email": "loser", "notes": "both"}},
    request_only=True,
)
_KEY = {
    "prefix": "4be81f09c2d7",
    "name": "Storefront",
    "role": "license-issuer",
    "account": None,
    "created_by": "user:1",
    "created_at": "2026-03-02T09:30:00Z",
    "expires_at": None,
    "revoked_at": None,
    "last_used_on": None,
}
API_KEY = OpenApiExample("A key", value=_KEY, response_only=True)
API_KEY_CREATED = OpenApiExample(
    "A new key", value={**_KEY, "token": "sgk_4be81f09c2d7_<43 characters>"}, response_only=True
)
API_KEY_REVOKED = OpenApiExample(
    "A revoked key", value={**_KEY, "revoked_at": "2026-04-01T08:00:00Z"}, response_only=True
)
ME = OpenApiExample(
    "A read-only key",
    value={
        "client": "api-key:4be81f09c2d7",
        "actor": "api-key:4be81f09c2d7",
        "roles": ["read-only"],
        "scopes": ["accounts:read", "catalogue:read", "history:read", "keys:read", "licenses:read"],
        "groups": [],
        "sees_every_group": True,
    },
    response_only=True,
)
