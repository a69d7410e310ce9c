"""From an order to what Stripe is asked: the parameters of a checkout session, in Stripe's own names.

Every amount is ours (trust: price and entitlement come from our catalogue): the line has its price with it, and a
discount is Stripe's promotion code only where that code says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings

from billing.domain.enums import Duration, OfferType, Purpose
from billing.domain.prices import Quote
from billing.domain.redirects import redirect_problem
from billing.models import Checkout, Coupon, MerchantProfile, Offer
from billing.order_errors import RedirectRefused
from billing.stripe_catalogue import product_at, promotion_at, why_not
from config.kit.errors import Conflict

SESSION_LASTS: Final = timedelta(hours=2)
"""Longer than a reservation, which ends the session; Stripe takes 30 minutes to 24 hours."""
LONGEST_VALUE: Final = 500
MOST_OF_ONE: Final = 999_999
LONGEST_NAME: Final = 250


class CouponNotSynced(Conflict):
    code = "coupon_not_synced"
    title = "Stripe does not know this coupon as it is now, and a subscription needs it there."

    @classmethod
    def of(cls, coupon: Coupon | None) -> CouponNotSynced:
        """One that can never stand there says why."""
        reason = why_not(coupon) if coupon else ""
        return cls(f"{reason} For a subscription it must count for every payment." if reason else None)


@dataclass(frozen=True, slots=True)
class Returns:
    """Where the buyer goes after paying, and after not paying."""

    success: str
    cancel: str


def returns_of(merchant: MerchantProfile, *, success: str = "", cancel: str = "") -> Returns:
    """The storefront's addresses, else the merchant's, else our own pages. Raises RedirectRefused (400)."""
    hosts = hosts_of(merchant)
    for field, url in (("success_url", success), ("cancel_url", cancel)):
        problem = redirect_problem(url, hosts) if url else None
        if problem is not None:
            raise RedirectRefused.of(field, problem)
    ours = str(settings.BASE_URL).rstrip("/")
    return Returns(
        success or merchant.success_url or f"{ours}/checkout/done",
        cancel or merchant.cancel_url or f"{ours}/checkout/cancelled",
    )


def hosts_of(merchant: MerchantProfile) -> list[str]:
    """The hosts a merchant's buyers may be sent to: its own list, and this installation."""
    ours = str(settings.BASE_URL).partition("://")[2].partition("/")[0]
    return [*(entry for entry in merchant.redirect_hosts if isinstance(entry, str)), ours]


def metadata_of(checkout: Checkout) -> dict[str, str]:
    """What the session carries to the webhook and to other readers of the merchant's account (E15, E18)."""
    offer, account, license_ = checkout.offer, checkout.account, checkout.license
    said = {
        "checkout": str(checkout.uid),
        "purpose": str(checkout.purpose),
        "group_name": account.slug if account else "",
        "managed_products": str(checkout.managed_products),
        "lookup_key": offer.lookup_key,
        "coupon": checkout.coupon.code if checkout.coupon else "",
        "license_id": license_.public_id if license_ else "",
        "organization_name": checkout.organization_name,
        "organization_long_name": checkout.organization_long_name,
        "cookie_domain": checkout.cookie_domain,
        "signature": checkout.signature,
    }
    return {name: value[:LONGEST_VALUE] for name, value in said.items() if value}


def session_params(checkout: Checkout, *, quote: Quote, customer: str = "") -> dict[str, Any]:
    """The parameters of the session of an order. Raises CouponNotSynced (409)."""
    metadata = metadata_of(checkout)
    recurring = _recurring(checkout)
    promotion = promotion_at(checkout.coupon, checkout.merchant)
    if not promotion and recurring and quote.discount_minor and not _lasts(checkout.coupon):
        raise CouponNotSynced.of(checkout.coupon)
    params: dict[str, Any] = {
        "mode": "subscription" if recurring else "payment",
        "client_reference_id": str(checkout.uid),
        "line_items": [_line(checkout, quote, listed=bool(promotion))],
        "metadata": metadata,
        "success_url": checkout.success_url,
        "cancel_url": checkout.cancel_url,
        "expires_at": int((checkout.created_at + SESSION_LASTS).timestamp()),
    }
    if promotion:
        params["discounts"] = [{"promotion_code": promotion}]
    if recurring:
        params["subscription_data"] = {"metadata": metadata}
    elif quote.total_minor:
        params["payment_intent_data"] = {"metadata": metadata}
    return params | _who(checkout, customer, recurring=recurring)


def bare_params(checkout: Checkout) -> dict[str, Any]:
    """The same order without customer and product of Stripe's, for an account that does not know them."""
    recurring = _recurring(checkout)
    lines = [{**line, "price_data": _described(checkout.offer, line["price_data"])}
             for line in checkout.params["line_items"]]  # fmt: skip
    rest = {name: value for name, value in checkout.params.items() if name != "customer"}
    return {**rest, "line_items": lines, **_who(checkout, "", recurring=recurring)}


def _described(offer: Offer, price: Mapping[str, Any]) -> dict[str, Any]:
    if "product" not in price:
        return dict(price)
    kept = {name: value for name, value in price.items() if name != "product"}
    return {**kept, "product_data": {"name": offer.name[:LONGEST_NAME]}}


def price_data(
    offer: Offer, *, merchant: MerchantProfile, currency: str, unit_minor: int, name: str = ""
) -> dict[str, Any]:
    """A price of ours in Stripe's names; of the synced product where the merchant's account has one."""
    synced = product_at(offer, merchant)
    product: dict[str, Any] = {"product": synced}
    if not synced or name:
        product = {"product_data": {"name": (name or offer.name)[:LONGEST_NAME]}}
    return {"currency": currency, "unit_amount": unit_minor, **product}


def _line(checkout: Checkout, quote: Quote, *, listed: bool) -> dict[str, Any]:
    """One line: the list price when Stripe takes the discount off itself, else what is left to pay."""
    offer, quantity, unit = checkout.offer, quote.quantity, quote.unit
    if not listed and quote.discount_minor:
        quantity, unit = 1, quote.total_minor
    elif quantity > MOST_OF_ONE:
        quantity, unit = 1, quote.list_minor
    name = "" if checkout.purpose == Purpose.PURCHASE else quote.lines[0].label
    merchant, currency = checkout.merchant, quote.currency
    price = price_data(offer, merchant=merchant, currency=currency, unit_minor=unit, name=name)
    if _recurring(checkout):
        price["recurring"] = {"interval": offer.interval, "interval_count": offer.interval_count}
    return {"quantity": quantity, "price_data": price}


def _who(checkout: Checkout, customer: str, *, recurring: bool) -> dict[str, Any]:
    if customer:
        return {"customer": customer}
    # a customer of Stripe's own is what the portal opens for later; a subscription always makes one
    new = {} if recurring else {"customer_creation": "always"}
    return {**new, **({"customer_email": checkout.email} if checkout.email else {})}


def _recurring(checkout: Checkout) -> bool:
    return checkout.purpose == Purpose.PURCHASE and checkout.offer.type == OfferType.SUBSCRIPTION


def _lasts(coupon: Coupon | None) -> bool:
    return coupon is not None and coupon.duration == Duration.FOREVER
