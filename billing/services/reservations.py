"""What an order holds of an offer and of a coupon, from its beginning to its end (C26, E13-E16).

An order begins in one transaction: the offer's row is locked, then the coupon's, always in this order, and what
is left of both is counted under these locks. Stripe is asked afterwards (`billing.services.checkouts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.models import Account
from accounts.services.merging import account_hold
from billing import gateway
from billing.domain.enums import CheckoutState, Purpose, TierChangeState
from billing.domain.prices import Quote
from billing.errors import CouponRefused, UnknownCoupon
from billing.models import Checkout, Coupon, MerchantProfile, Offer, TierChange
from billing.order_errors import CheckoutEnded, OfferClosed, SoldOut
from billing.orders import Returns, returns_of, session_params
from billing.selectors.catalogue import (
    SELLABLE,
    coupon_by_code,
    merchant_of,
    offer_asked,
    offer_by_lookup_key,
    offer_units_held,
)
from billing.selectors.orders import customer_ref_of
from billing.services.coupons import coupon_reserve, redemption_release
from billing.terms import quote_of, seats_of
from config.kit.errors import FieldError
from config.kit.locks import locked
from history.services import record

RESERVED_FOR = timedelta(minutes=30)
"""How long an order may go unpaid before the reaper looks at it (C26)."""
ENDABLE = frozenset({CheckoutState.RESERVED, CheckoutState.OPEN, CheckoutState.PROCESSING})
REAPER = "system:checkouts"


@dataclass(frozen=True, slots=True)
class Buyer:
    """What an order says of who buys. `signature` is the storefront's own and opaque to us (E14)."""

    email: str = ""
    organization_name: str = ""
    organization_long_name: str = ""
    cookie_domain: str = ""
    signature: str = ""
    utm: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a buyer asks for: an offer by lookup key, by coupon, or the default of a type (E14).

    `managed_products` is the number of seats, None the offer's own. `internal` lets internal offers be named.
    """

    lookup_key: str = ""
    coupon: str = ""
    type: str = ""
    managed_products: int | None = None
    internal: bool = False
    buyer: Buyer = field(default_factory=Buyer)
    success_url: str = ""
    cancel_url: str = ""


@dataclass(frozen=True, slots=True)
class Sale:
    """An order as it is priced, before it is written. `units` counts towards the offer's cap."""

    purpose: Purpose
    offer: Offer
    merchant: MerchantProfile
    account: Account
    quote: Quote
    returns: Returns
    buyer: Buyer = field(default_factory=Buyer)
    coupon: Coupon | None = None
    license: Any = None
    units: int = 1


def checkout_reserve(*, wish: Wish, account: Account, actor: str, at: datetime) -> Checkout:
    """Begin a purchase: price it by the catalogue and hold its units and its coupon's slot.

    Raises UnknownOffer (404), OfferClosed and SoldOut (409), CouponRefused naming the rule, RedirectRefused and
    Invalid (400), AccountMerged (409). Writes nothing when it refuses.
    """
    with transaction.atomic():
        coupon = _coupon(wish.coupon)
        asked = offer_by_lookup_key(wish.lookup_key, on_sale=True) if wish.lookup_key else None
        found = offer_asked(lookup_key=wish.lookup_key, coupon=coupon, type=wish.type)
        _refuse_internal(asked or (None if coupon else found), wish)
        offer = _held_open(found)
        seats = seats_of(offer, wish.managed_products)
        merchant = merchant_of(offer)
        sale = Sale(
            purpose=Purpose.PURCHASE, offer=offer, merchant=merchant, account=account,
            quote=quote_of(offer, managed_products=seats, coupon=coupon),
            returns=returns_of(merchant, success=wish.success_url, cancel=wish.cancel_url),
            buyer=wish.buyer, coupon=coupon,
        )  # fmt: skip
        _refuse_sold_out(offer, sale.units)
        checkout = order_write(sale=sale, actor=actor, at=at)
        if coupon is not None:
            coupon_reserve(coupon=coupon, checkout=checkout, account=account, at=at, asked=asked)
    return checkout


def order_write(*, sale: Sale, actor: str, at: datetime) -> Checkout:
    """Write an order and its event, in the caller's transaction, after what it takes was found to be there.

    Raises AccountMerged (409), and StripeUnavailable (503) for a merchant without a key.
    """
    gateway.key_of(sale.merchant)  # without one nothing could be opened, nor ever ended
    account_hold(sale.account)
    buyer = sale.buyer
    checkout = Checkout(
        merchant=sale.merchant, purpose=sale.purpose, offer=sale.offer, coupon=sale.coupon,
        account=sale.account, license=sale.license, managed_products=sale.quote.managed_products,
        units=sale.units, currency=sale.quote.currency, amount_minor=sale.quote.total_minor,
        quote=sale.quote.to_json(), email=buyer.email or sale.account.email,
        organization_name=buyer.organization_name, organization_long_name=buyer.organization_long_name,
        cookie_domain=buyer.cookie_domain, signature=buyer.signature, utm=dict(buyer.utm),
        success_url=sale.returns.success, cancel_url=sale.returns.cancel, actor=actor, created_at=at,
        expires_at=at + RESERVED_FOR,
    )  # fmt: skip
    customer = customer_ref_of(sale.account, sale.merchant)
    checkout.params = session_params(checkout, quote=sale.quote, customer=customer)
    checkout.save(force_insert=True)
    record_checkout("checkout.opened", checkout, actor=actor, at=at)
    return checkout


def checkout_end(
    *, checkout: Checkout, state: CheckoutState, reason: str, actor: str = REAPER, at: datetime
) -> bool:
    """End an order without money: its units and its coupon's slot are free again. False when it was over before.

    Call it only when Stripe cannot take money for it any more. `reason` is a short code.
    """
    with transaction.atomic():
        row = checkout_lock(checkout)
        if row.state not in ENDABLE:
            return False
        row.state, row.state_reason, row.ended_at = state, reason, at
        row.save(update_fields=["state", "state_reason", "ended_at"])
        redemption_release(checkout=row, at=at)
        _give_up_change(row, actor=actor, at=at)
        record_checkout("checkout.ended", row, actor=actor, at=at, reason=reason)
    return True


def checkout_lock(checkout: Checkout) -> Checkout:
    """Lock and re-read an order with what it is about. Call inside a transaction."""
    rows = Checkout.objects.select_related("merchant", "offer", "coupon", "account", "license")
    return locked(rows.filter(pk=checkout.pk)).get()


def record_checkout(kind: str, row: Checkout, *, actor: str, at: datetime, **more: Any) -> None:
    """Write one event about an order: ids, states and money."""
    data = {
        "purpose": row.purpose,
        "offer": row.offer.slug,
        "coupon": row.coupon.code if row.coupon else "",
        "managed_products": row.managed_products,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "state": row.state,
        **({"license": row.license.public_id} if row.license else {}),
        **more,
    }
    account = row.account.customer_id if row.account else ""
    record(kind=kind, subject=f"checkout:{row.uid}", account=account, actor=actor, data=data, at=at)


def refuse_ended(checkout: Checkout) -> None:
    """Raises CheckoutEnded (409) for an order that was given up, or paid."""
    if checkout.ended_at is not None or checkout.state == CheckoutState.PAID:
        raise CheckoutEnded(state=str(checkout.state))


def _coupon(code: str) -> Coupon | None:
    if not code:
        return None
    try:
        return coupon_by_code(code)
    except UnknownCoupon as error:
        raise CouponRefused([FieldError("coupon", "coupon_unknown", "There is no such coupon.")]) from error


def _refuse_internal(named: Offer | None, wish: Wish) -> None:
    """An internal offer is sold by who sees it, or by a coupon that overrides with it (E8)."""
    if named is not None and named.internal and not wish.internal:
        raise OfferClosed


def _held_open(offer: Offer) -> Offer:
    """Lock an offer's row; what is decided next is read after this."""
    held = locked(Offer.objects.select_related("plan__product", "merchant").filter(pk=offer.pk)).get()
    if not Offer.objects.filter(SELLABLE, pk=offer.pk).exists():
        raise OfferClosed
    return held


def _refuse_sold_out(offer: Offer, units: int) -> None:
    """E16: asked under the lock of the offer's row."""
    cap = offer.max_license_total
    if cap is None:
        return
    left = cap - offer_units_held(offer)
    if units > left:
        raise SoldOut(left=max(left, 0))


def _give_up_change(row: Checkout, *, actor: str, at: datetime) -> None:
    """A change of tier whose payment did not come is over, too."""
    waiting = TierChange.objects.filter(checkout=row, state=TierChangeState.AWAITING_PAYMENT)
    for change in locked(waiting):
        change.state, change.ended_at = TierChangeState.CANCELLED, at
        change.save(update_fields=["state", "ended_at"])
        record_change("tier_change.cancelled", change, actor=actor, at=at, reason=row.state_reason)


def record_change(kind: str, change: TierChange, *, actor: str, at: datetime, **more: Any) -> None:
    """Write one event about a change of tier, on the license's own timeline."""
    license_ = change.license
    data = {
        "change": str(change.uid),
        "from": change.from_plan.slug,
        "to": change.to_plan.slug,
        "forced": change.forced,
        "amount_minor": change.amount_minor,
        "currency": change.currency,
        "effective_at": change.effective_at.isoformat() if change.effective_at else None,
        **more,
    }
    record(
        kind=kind, subject=f"license:{license_.public_id}", account=license_.account.customer_id,
        actor=actor, data=data, at=at,
    )  # fmt: skip
