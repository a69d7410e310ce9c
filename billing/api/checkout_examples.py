"""Examples of bodies and answers of orders in the schema."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

UID = "01976f3e-6c1a-7b52-9d0c-3f1f5a7c2e11"
SESSION = "cs_test_a1Vb3kP0"
PAY_AT = "https://checkout.stripe.com/c/pay/cs_test_a1Vb3kP0"
WHEN = "2026-03-02T09:30:00Z"
LICENSE = "L-AGMXVZHP2F4TTGZ7KQK3ZPN5YE"

_OPENED: dict[str, Any] = {
    "session_id": SESSION,
    "url": PAY_AT,
    "checkout": UID,
    "purpose": "purchase",
    "state": "open",
    "managed_products": 5,
    "currency": "eur",
    "amount_minor": 49_500,
    "expires_at": "2026-03-02T10:00:00Z",
}


def _answer(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True)


ASKED = OpenApiExample(
    "Five seats with a coupon",
    value={"lookup_key": "pro_yearly", "managed_products": 5, "coupon": "WELCOME20"},
    request_only=True,
)
OPENED = _answer("A place to pay at", _OPENED)
READ = _answer(
    "An order that waits for its buyer",
    {
        **_OPENED,
        "lines": [{"label": "Pro", "quantity": 5, "unit_minor": 9_900, "amount_minor": 49_500}],
        "group": "acme",
        "lookup_key": "pro_yearly",
        "coupon": None,
        "license_id": None,
        "state_reason": "",
        "created_at": WHEN,
        "ended_at": None,
    },
)
PORTAL = _answer("A portal", {"url": "https://billing.stripe.com/p/session/bps_1"})
SUBSCRIPTION = _answer("A subscription", {"subscription_id": "sub_1Q2w3e"})
TIER_QUOTE = _answer(
    "Half a year is left of a yearly subscription",
    {
        "from_plan": "team",
        "to_plan": "enterprise",
        "lookup_key": "enterprise_yearly",
        "direction": "upgrade",
        "from_minor": 10_000,
        "to_minor": 30_000,
        "difference_minor": 20_000,
        "due_minor": 10_027,
        "currency": "eur",
        "period_days": 365,
        "days_left": 183,
        "effective_at": None,
    },
)
TIER_CHANGE = _answer(
    "An upgrade that waits for its payment",
    {
        "tier_change": UID,
        "license_id": LICENSE,
        "state": "awaiting_payment",
        "from_plan": "team",
        "to_plan": "enterprise",
        "currency": "eur",
        "amount_minor": 10_027,
        "effective_at": None,
        "session_id": SESSION,
        "url": PAY_AT,
        "created_at": WHEN,
        "ended_at": None,
    },
)
