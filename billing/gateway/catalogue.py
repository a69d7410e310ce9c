"""Products, prices, coupons, promotion codes and webhook endpoints at Stripe. Errors as in `reads`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billing.gateway import shapes
from billing.gateway.client import API_VERSION, asking, client_of, plain
from billing.gateway.errors import StripeMissing
from billing.gateway.facts import (
    CouponFacts,
    EndpointFacts,
    PriceFacts,
    ProductFacts,
    PromotionCodeFacts,
)
from billing.gateway.reads import PAGE, named
from billing.models import MerchantProfile


def keyed(key: str) -> Any:
    """Options with an idempotency key. Without one of ours the SDK makes one for its own second try."""
    return {"idempotency_key": key} if key else {}


def product_read(merchant: MerchantProfile, product_id: str) -> ProductFacts | None:
    """A product, None when Stripe does not know it."""
    try:
        with asking():
            return shapes.product_of(plain(client_of(merchant).v1.products.retrieve(named(product_id))))
    except StripeMissing:
        return None


def product_create(merchant: MerchantProfile, params: Mapping[str, Any], *, key: str = "") -> ProductFacts:
    """Make a product; `params` may name its id."""
    body: Any = dict(params)
    with asking():
        answer = client_of(merchant).v1.products.create(body, keyed(key))
        return shapes.product_of(plain(answer))


def product_update(merchant: MerchantProfile, product_id: str, params: Mapping[str, Any]) -> ProductFacts:
    body: Any = dict(params)
    with asking():
        return shapes.product_of(plain(client_of(merchant).v1.products.update(named(product_id), body)))


def price_create(merchant: MerchantProfile, params: Mapping[str, Any], *, key: str = "") -> PriceFacts:
    """Make a price; with `transfer_lookup_key` it takes the lookup key over from the one that had it."""
    body: Any = dict(params)
    with asking():
        return shapes.price_of(plain(client_of(merchant).v1.prices.create(body, keyed(key))))


def price_update(merchant: MerchantProfile, price_id: str, params: Mapping[str, Any]) -> PriceFacts:
    """Change what can be changed of a price: whether it is active, its metadata. Never its amount."""
    body: Any = dict(params)
    with asking():
        return shapes.price_of(plain(client_of(merchant).v1.prices.update(named(price_id), body)))


def coupon_read(merchant: MerchantProfile, coupon_id: str) -> CouponFacts | None:
    """A coupon, None when Stripe does not know it."""
    try:
        with asking():
            return shapes.coupon_of(plain(client_of(merchant).v1.coupons.retrieve(named(coupon_id))))
    except StripeMissing:
        return None


def coupon_create(merchant: MerchantProfile, params: Mapping[str, Any], *, key: str = "") -> CouponFacts:
    body: Any = dict(params)
    with asking():
        return shapes.coupon_of(plain(client_of(merchant).v1.coupons.create(body, keyed(key))))


def promotion_code_read(merchant: MerchantProfile, code: str) -> PromotionCodeFacts | None:
    """The promotion code that buyers may type as `code`: the active one if there is one, else the newest."""
    with asking():
        page = client_of(merchant).v1.promotion_codes.list({"code": code, "limit": PAGE})
        found = [shapes.promotion_code_of(plain(row)) for row in page.auto_paging_iter()]
    return next((facts for facts in found if facts.active), found[0] if found else None)


def promotion_code_create(
    merchant: MerchantProfile, params: Mapping[str, Any], *, key: str = ""
) -> PromotionCodeFacts:
    body: Any = dict(params)
    with asking():
        answer = client_of(merchant).v1.promotion_codes.create(body, keyed(key))
        return shapes.promotion_code_of(plain(answer))


def promotion_code_switch(
    merchant: MerchantProfile, promotion_code_id: str, *, active: bool
) -> PromotionCodeFacts:
    with asking():
        answer = client_of(merchant).v1.promotion_codes.update(named(promotion_code_id), {"active": active})
        return shapes.promotion_code_of(plain(answer))


def endpoints_list(merchant: MerchantProfile) -> list[EndpointFacts]:
    """Every webhook endpoint of the account."""
    with asking():
        page = client_of(merchant).v1.webhook_endpoints.list({"limit": PAGE})
        return [shapes.endpoint_of(plain(row)) for row in page.auto_paging_iter()]


def endpoint_create(
    merchant: MerchantProfile, *, url: str, events: frozenset[str], description: str
) -> EndpointFacts:
    """Make an endpoint that gets events in our API version; only this answer has its secret."""
    body: Any = {
        "url": url,
        "enabled_events": sorted(events),
        "api_version": API_VERSION,
        "description": description,
    }
    with asking():
        return shapes.endpoint_of(plain(client_of(merchant).v1.webhook_endpoints.create(body)))


def endpoint_update(
    merchant: MerchantProfile, endpoint_id: str, *, events: frozenset[str], disabled: bool = False
) -> EndpointFacts:
    """Set which events an endpoint gets, and whether it gets any."""
    body: Any = {"enabled_events": sorted(events), "disabled": disabled}
    with asking():
        answer = client_of(merchant).v1.webhook_endpoints.update(named(endpoint_id), body)
        return shapes.endpoint_of(plain(answer))
