"""From offers and coupons to what Stripe is told of them, in Stripe's own names (E33).

Our checkouts carry their price with them, so what stands at Stripe is for its own pages and payment links. The
price of a tiered offer is that of its smallest purchase: the steps are counted here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from billing.domain.enums import Behavior, Discount, Duration, OfferType, Pricing
from billing.domain.prices import quote
from billing.models import Coupon, MerchantProfile, Offer
from billing.terms import offer_terms_of

OURS: Final = "signet_"
"""Begins the ids of products and coupons that we make."""
LONGEST_NAME: Final = 250
LONGEST_DESCRIPTION: Final = 500
LONGEST_COUPON_NAME: Final = 40
WHOLE: Final = 100


def digest(told: Mapping[str, Any]) -> str:
    """SHA-256 of what Stripe was told."""
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def product_of(offer: Offer) -> dict[str, Any]:
    """The product of an offer; its id is made of the slug, which never changes."""
    return {
        "name": offer.name[:LONGEST_NAME],
        "description": offer.description[:LONGEST_DESCRIPTION].strip(),
        "active": offer.active,
        "metadata": {"lookup_key": offer.lookup_key, "offer": offer.slug},
    }


def price_of(offer: Offer) -> dict[str, Any]:
    """The terms of an offer's price, none of which Stripe lets change."""
    recurring = offer.type == OfferType.SUBSCRIPTION
    return {
        "currency": offer.currency,
        "unit_amount": _unit(offer),
        "interval": offer.interval if recurring else "",
        "interval_count": offer.interval_count if recurring else 1,
    }


def offer_told(offer: Offer) -> str:
    """The digest of everything that Stripe is told of an offer; another one means that it is to be told again."""
    return digest({**product_of(offer), **price_of(offer)})


def coupon_told(coupon: Coupon) -> str:
    """As `offer_told`, of a coupon with its promotion code."""
    return digest({**coupon_of(coupon), "ends": coupon.expires_at, "active": coupon.active})


def product_at(offer: Offer, merchant: MerchantProfile) -> str:
    """The product that stands for an offer in this merchant's Stripe account; "" when none does."""
    return offer.stripe_product if offer.synced_merchant_id == merchant.pk else ""


def promotion_at(coupon: Coupon | None, merchant: MerchantProfile) -> str:
    """The promotion code that says in this merchant's account what the coupon says here; "" when none does."""
    if coupon is None or coupon.synced_merchant_id != merchant.pk or why_not(coupon):
        return ""
    return coupon.stripe_promotion_code if coupon.synced_sha256 == coupon_told(coupon) else ""


def _unit(offer: Offer) -> int:
    if offer.pricing == Pricing.FIXED:
        return offer.amount_minor
    return quote(offer_terms_of(offer), managed_products=max(1, offer.min_managed_products)).total_minor


def why_not(coupon: Coupon) -> str:
    """Why a coupon does not stand at Stripe, in a sentence; "" when it does."""
    if coupon.behavior == Behavior.PRODUCT_OVERRIDE:
        return "It sells another offer instead, which only we can do."
    if coupon.discount == Discount.SET_PRICE:
        return "It sets a price, which Stripe's coupons cannot."
    if "_" in coupon.code:
        return "Stripe's promotion codes hold no underscore."
    if coupon.discount == Discount.PERCENT and not coupon.percent_bps:
        return "It takes nothing off."
    return ""


def coupon_of(coupon: Coupon) -> dict[str, Any]:
    """The terms of a coupon, none of which Stripe lets change. `percent_off` has two decimals."""
    off: dict[str, Any] = {"percent_off": None, "amount_off": None, "currency": ""}
    if coupon.discount == Discount.FIXED:
        off |= {"amount_off": coupon.amount_minor, "currency": coupon.currency}
    elif coupon.discount == Discount.FREE:
        off["percent_off"] = float(WHOLE)
    else:
        off["percent_off"] = coupon.percent_bps / WHOLE
    months = coupon.duration_months if coupon.duration == Duration.REPEATING else None
    return {**off, "duration": str(coupon.duration), "duration_in_months": months}


def coupon_id(coupon: Coupon) -> str:
    """Made of the code and the terms: other terms are another coupon at Stripe."""
    return f"{OURS}{coupon.code.lower()}_{digest(coupon_of(coupon))[:8]}"


def redeemable(coupon: Coupon, at: datetime) -> bool:
    """Whether its promotion code is to be active at an instant. Counts and seats are our own checkout's rules."""
    return coupon.active and (coupon.expires_at is None or coupon.expires_at > at)
