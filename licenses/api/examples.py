"""Examples of bodies and answers in the schema."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

ID = "L-AGMXVZHP2F4TTGZ7KQK3ZPN5YE"
JTI = "AZy-1aNbd7Wlm1Xq0e6fJQ"
KID = "mWk0R3vV9x2bQd7T"
SHA256 = "9f2c4a1be0d35c7786c21f0e4b9a65d8f7130c2e5b8a49d6e1f07c3b2a5d8e94"
SIGNED_TEXT = "<license text>"
CREATED = "2026-03-02T09:30:00Z"
END = "2027-03-02T09:30:00Z"


def _answer(name: str, value: Any, **more: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, **more)


def _body(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True)


_LICENSE: dict[str, Any] = {
    "id": ID,
    "account": "acme",
    "customer_id": "C-7Q2M5XKD4W6T3ZRA",
    "product_key": "demo",
    "plan": "enterprise",
    "kind": "commercial",
    "internal": False,
    "edition": "enterprise",
    "quantity": 1,
    "seats": 25,
    "nodes": 3,
    "machines": 0,
    "collectors": 0,
    "entitlements": {"sso": True, "retention_days": 90},
    "starts_at": CREATED,
    "expires_at": END,
    "perpetual": False,
    "warn_days": 30,
    "grace_days": 14,
    "fingerprint_sha256": "",
    "prefer_online": False,
    "online_url": "",
    "comment": "",
    "crm_ref": "",
    "status": "active",
    "status_reason": "",
    "status_at": CREATED,
    "posture": "valid",
    "origin": "api",
    "created_by": "api-key:4be81f09c2d7",
    "created_at": CREATED,
}
_ISSUANCE: dict[str, Any] = {
    "jti": JTI,
    "license": ID,
    "format": "jwt",
    "kid": KID,
    "sha256": SHA256,
    "claims": {"iss": "signet", "sub": "C-7Q2M5XKD4W6T3ZRA", "aud": "demo", "lic": ID, "seats": 25},
    "issued_at": CREATED,
    "expires_at": END,
    "actor": "api-key:4be81f09c2d7",
    "channel": "api",
    "cause": "issue",
    "supersedes": None,
    "kept": True,
}
_ISSUED = {"license": _LICENSE, "issuance": _ISSUANCE, "text": SIGNED_TEXT}
_RENEWAL = {
    "old_expires_at": CREATED,
    "new_expires_at": END,
    "reason": "invoice 4711",
    "actor": "api-key:4be81f09c2d7",
    "renewed_at": CREATED,
    "issuance": JTI,
}
LICENSE = _answer("A license", _LICENSE)
ISSUANCE = _answer("A snapshot", _ISSUANCE)
ISSUED = _answer("Signed", _ISSUED)
RENEWED = _answer("Renewed", {**_ISSUED, "renewal": _RENEWAL})
CREATE = _body(
    "From a plan, with more seats",
    {"account": "acme", "product_key": "demo", "plan": "enterprise", "seats": 25},
)
UPDATE = _body("Five more seats", {"seats": 30, "reason": "order 4712"})
RENEW = _body("Another year", {"months": 12, "reason": "invoice 4711"})
REASON = _body("A reason", {"reason": "refunded"})
STATUS = _answer(
    "In grace",
    {
        "license": ID,
        "state": "grace",
        "posture": "grace",
        "expired": True,
        "edition": "enterprise",
        "kind": "commercial",
        "customer": {"id": "C-7Q2M5XKD4W6T3ZRA", "slug": "acme", "name": "Acme"},
        "seats": 25,
        "nodes": 3,
        "expires_at": END,
        "grace_until": "2027-03-16T09:30:00Z",
        "days_left": 0,
        "changes_at": "2027-03-16T09:30:00Z",
        "warning": "The license has expired. Writes stop at 2027-03-16 09:30 UTC.",
        "error": None,
        "checked_at": "2027-03-05T08:00:00Z",
    },
)
SIGNAL = _body(
    "One user too many",
    {"token": SIGNED_TEXT, "signal": "denied", "reason": "seats_exhausted", "limit": 25, "used": 25},
)
PRODUCT = _answer(
    "A product",
    {
        "product_key": "demo",
        "slug": "demo",
        "name": "Demo",
        "audience": "demo",
        "algorithm": "RS256",
        "default_format": "jwt",
        "entitlement_catalogue": [{"slug": "sso", "name": "Single sign-on", "description": ""}],
        "seat_label": "seats",
        "active": True,
        "created_at": CREATED,
    },
)
PRODUCT_CREATE = _body("The least", {"product_key": "demo", "name": "Demo"})
_PLAN = {
    "product_key": "demo",
    "code": "enterprise",
    "name": "Enterprise",
    "edition": "enterprise",
    "kind": "commercial",
    "duration_days": 365,
    "seats": 0,
    "nodes": 0,
    "machines": 1,
    "collectors": 0,
    "warn_days": 30,
    "grace_days": 14,
    "entitlements": {"sso": True},
    "price_override_minor": None,
    "public": True,
    "active": True,
    "archived": False,
    "tier_rank": 20,
    "recurring": False,
    "period_days": None,
    "billing_grace_days": 7,
    "trial_days": 0,
    "created_at": CREATED,
}
PLAN = _answer("A plan", _PLAN)
PLAN_CREATE = _body("A year", {"code": "enterprise", "name": "Enterprise", "duration_days": 365})
PRESET = _answer(
    "A test key",
    {
        "id": 1,
        "name": "Test key, 30 days",
        "product_key": "demo",
        "plan": "enterprise",
        "kind": "test",
        "defaults": {"days": 30, "seats": 1, "nodes": 1},
        "position": 0,
        "active": True,
    },
)
_RELEASE = {
    "product_key": "demo",
    "version": "2.4.1",
    "channel": "stable",
    "notes": "Faster start; a leak in the exporter is closed.",
    "artifact": "https://downloads.example/demo/2.4.1/demo.tar.gz",
    "sha256": SHA256,
    "size_bytes": 48_201_733,
    "entitlement": "",
    "minimum_edition": "",
    "published_at": CREATED,
    "withdrawn_at": None,
    "withdrawn_reason": "",
    "created_by": "api-key:4be81f09c2d7",
    "created_at": CREATED,
}
RELEASE = _answer("A release", _RELEASE)
RELEASE_CREATE = _body(
    "The least",
    {name: _RELEASE[name] for name in ("version", "artifact", "sha256", "size_bytes")},
)
RELEASE_WITHDRAW = _body("A reason that customers read", {"reason": "Loses data on upgrade from 2.3."})
MANIFEST = _answer("A signed manifest", "<compact JWS>", media_type="application/jwt")
KEY = _answer(
    "An active key",
    {
        "kid": KID,
        "algorithm": "EdDSA",
        "product_key": None,
        "state": "active",
        "origin": "generated",
        "public_pem": "-----BEGIN PUBLIC KEY-----\n…\n-----END PUBLIC KEY-----\n",
        "staged_at": CREATED,
        "activated_at": CREATED,
        "retired_at": None,
        "revoked_at": None,
        "revoked_reason": "",
    },
)
JWKS = _answer(
    "One Ed25519 key",
    {
        "keys": [
            {
                "kid": KID,
                "use": "sig",
                "key_ops": ["verify"],
                "alg": "EdDSA",
                "crv": "Ed25519",
                "kty": "OKP",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            }
        ]
    },
    media_type="application/jwk-set+json",
)
EVENT = _answer(
    "A license was issued",
    {
        "uid": "0199cbed-5a35-7b77-a5a5-9b55ead1ee9f",
        "position": 4711,
        "kind": "license.issued",
        "sentence": "A signed snapshot of a license was made.",
        "subject": f"license:{ID}",
        "account": "C-7Q2M5XKD4W6T3ZRA",
        "actor": "api-key:4be81f09c2d7",
        "at": "2026-03-02T09:30:00.000000Z",
        "data": {"jti": JTI, "format": "jwt", "kid": KID, "sha256": SHA256},
    },
)
ENSURE = _body(
    "A purchase",
    {
        "group": "acme",
        "email": "licenses@acme.example",
        "plan": "enterprise",
        "productKey": "demo",
        "exp": END,
        "managedProducts": 25,
        "persist": True,
    },
)
GROUP_LICENSE = _answer(
    "A license of the group",
    {
        "licenseId": ID,
        "group": "acme",
        "productKey": "demo",
        "plan": "enterprise",
        "kind": "commercial",
        "edition": "enterprise",
        "status": "active",
        "managedProducts": 25,
        "createdAt": CREATED,
        "exp": END,
    },
)

OWN_KEY = _body("a key", {"key": SIGNED_TEXT})
OWN_LICENSE = _answer(
    "tier Pro",
    {
        "tier": "pro",
        "display_name": "Pro",
        "entitlements": {"unlimited_products": True, "crm": True},
        "signed_entitlements": ["crm", "unlimited_products"],
        "usage": {
            "products": 7, "plans_per_product": 3, "active_coupons": 2, "merchant_profiles": 1, "recurring_plans": 0,
        },
        "caps": {
            "products": None, "plans_per_product": 5, "active_coupons": 10, "merchant_profiles": 1,
            "recurring_plans": 0,
        },
        "grandfathered": [],
        "seat_limit": None,
        "next_tier": "patron",
        "upgrade_url": "https://licenses.example.com/upgrade",
        "sandbox": False,
        "guard": {
            "state": "valid",
            "reason": None,
            "detail": "The license holds.",
            "since": None,
            "grace_until": None,
            "grace_days": 7,
            "expected_domain": "signet.acme.example",
            "refresh_minutes": 60,
        },
        "license": ID,
        "plan": "pro",
        "expires_at": END,
        "activated_at": CREATED,
        "refreshed_at": CREATED,
        "outcome": "live",
        "own_master": False,
    },
)  # fmt: skip
