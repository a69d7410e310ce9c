"""Examples of the catalogue's bodies and answers in the schema."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample


def _answer(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=["200", "201"])


def _body(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True)


_OFFER: dict[str, Any] = {
    "slug": "team",
    "lookup_key": "team-3y",
    "name": "Team, three years",
    "description": "Everything for teams, paid once.",
    "features": ["Single sign-on", "Updates for three years"],
    "product_key": "demo",
    "plan": "enterprise",
    "type": "one_off",
    "pricing": "tiered",
    "currency": "eur",
    "amount_minor": 30000,
    "per_unit": False,
    "tiers": [
        {"up_to": 10, "amount_minor": 250000, "factor": "1", "per_unit": False},
        {"up_to": None, "amount_minor": 0, "factor": "0.8", "per_unit": True},
    ],
    "components": [],
    "interval": "",
    "interval_count": 1,
    "term_days": 1095,
    "maintenance": "",
    "maintenance_days": 365,
    "maintenance_amount_minor": 0,
    "default_seats": 1,
    "min_managed_products": 1,
    "max_managed_products": 500,
    "sold_out": False,
    "coupons": [{"code": "WELCOME20", "active": True, "max_total": 100, "max_per_group": 1}],
}
_KEPT: dict[str, Any] = {
    **_OFFER,
    "merchant": None,
    "max_license_total": 50,
    "held": 3,
    "active": True,
    "internal": False,
    "config_managed": False,
    "default_for": "one_off",
    "position": 2,
    "metadata": {},
    "stripe_product": "prod_TqZ1",
    "stripe_price": "price_1Tq",
    "synced_at": "2026-03-02T09:30:00Z",
    "created_at": "2026-03-02T09:30:00Z",
}
_COUPON: dict[str, Any] = {
    "code": "WELCOME20",
    "name": "Twenty percent for newcomers",
    "offers": ["team"],
    "active": True,
    "featured": True,
    "referrer": "",
    "behavior": "stripe_promotion",
    "override_offer": None,
    "discount": "percent",
    "percent_bps": 2000,
    "amount_minor": 0,
    "currency": "",
    "duration": "once",
    "duration_months": None,
    "max_total": 100,
    "max_per_group": 1,
    "min_managed_products": None,
    "max_managed_products": None,
    "expires_at": None,
    "config_managed": False,
    "metadata": {},
    "taken": 1,
    "redeemed": 0,
    "created_at": "2026-03-02T09:30:00Z",
}
_QUOTE: dict[str, Any] = {
    "list_minor": 288000,
    "discount_minor": 0,
    "total_minor": 288000,
    "currency": "eur",
    "unit_minor": 24000,
    "quantity": 12,
    "managed_products": 12,
    "coupon": "",
    "tier_up_to": None,
    "lines": [{"label": "Team, three years", "quantity": 12, "unit_minor": 24000, "amount_minor": 288000}],
}

OFFER = _answer("On sale", _OFFER)
OFFERS = _answer("Price table", _OFFER)
OFFER_KEPT = _answer("Product", _KEPT)
OFFER_CREATE = _body(
    "Three years, by steps",
    {
        name: _OFFER[name]
        for name in ("slug", "lookup_key", "name", "product_key", "plan", "type", "pricing", "currency",
                     "amount_minor", "tiers", "term_days", "max_managed_products")
    },
)  # fmt: skip
OFFER_UPDATE = _body("A new price and a cap", {"amount_minor": 32000, "max_license_total": 80})
DETAILS_ASKED = _body("Twelve seats", {"lookup_key": "team-3y", "managed_products": 12})
DETAILS = _answer("With its price", {**_OFFER, "quote": _QUOTE})
PRODUCT_KEY = _answer(
    "A product key", {"productKey": "demo", "productType": "subscription", "priceMode": "fixed"}
)
SEAT_USAGE = _answer(
    "Seats",
    {"activeConfigManaged": 2, "activeCustom": 1, "activeTotal": 3, "seatLimit": 5, "availableSeats": 2},
)
COUPON = _answer("Coupon", _COUPON)
COUPON_CREATE = _body(
    "Twenty percent off",
    {"code": "WELCOME20", "max_total": 100, "promotion": {"percent_off": "20", "duration": "once"}},
)
COUPON_UPDATE = _body("Switch off", {"active": False})
