"""Reads of the catalogue: offers, coupons, merchant profiles, and what is held of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.db.models import (
    Case,
    Count,
    Exists,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from billing.domain.enums import HOLDING, OfferType, Pricing, RedemptionState
from billing.errors import UnknownCoupon, UnknownMerchant, UnknownOffer
from billing.models import Checkout, Coupon, MerchantProfile, Offer, Redemption
from licenses.models import Plan, Product

TAKEN = (RedemptionState.RESERVED, RedemptionState.REDEEMED)
"""The states in which a redemption takes a slot of its coupon."""
SELLABLE = Q(active=True) & (Q(plan=None) | Q(plan__active=True, plan__archived=False))
WHOLE = ("tiers", "items__plan__product", "coupons")


def offers_whole() -> QuerySet[Offer]:
    """Offers with everything that a price table shows, in its order; `held` is counted where there is a cap."""
    capped = Case(When(max_license_total__isnull=False, then=units_held()), default=0)
    rows = Offer.objects.select_related("plan__product", "merchant").prefetch_related(*WHOLE)
    return rows.annotate(held=capped)


def offers_on_sale(*, internal: bool = False) -> QuerySet[Offer]:
    """Offers that may be bought now (E7); `internal` ones only when asked for. A closed plan sells nothing."""
    rows = offers_whole().filter(SELLABLE)
    return rows if internal else rows.filter(internal=False)


def products_sold() -> QuerySet[Product]:
    """Active products with how they are sold (E6), as their offers on sale say: `product_type`, `price_mode`.

    One subscription or one tiered price among them tells. A product without offers is told by its plans: a
    recurring one makes a subscription.
    """
    offers = Offer.objects.filter(SELLABLE, plan__product=OuterRef("pk"))
    recurring = Plan.objects.filter(product=OuterRef("pk"), recurring=True, active=True, archived=False)
    subscribed = Exists(offers.filter(type=OfferType.SUBSCRIPTION)) | (~Exists(offers) & Exists(recurring))
    tiered = Exists(offers.filter(pricing=Pricing.TIERED))
    rows = Product.objects.filter(active=True).annotate(
        product_type=_either(subscribed, OfferType.SUBSCRIPTION, OfferType.ONE_OFF),
        price_mode=_either(tiered, Pricing.TIERED, Pricing.FIXED),
    )
    return rows.order_by("product_key")


def _either(condition: Any, one: StrEnum, other: StrEnum) -> Case:
    return Case(When(condition, then=Value(one.value)), default=Value(other.value))


def offers_of_office() -> QuerySet[Offer]:
    """The whole catalogue as its keepers see it (E8), with the units that are `held` of each."""
    rows = Offer.objects.select_related("plan__product", "merchant").prefetch_related(*WHOLE)
    return rows.annotate(held=units_held())


def offer_get(slug: str) -> Offer:
    """Raises UnknownOffer (404)."""
    row = offers_of_office().filter(slug=slug).first()
    if row is None:
        raise UnknownOffer(f"There is no product {slug[:63]}.")
    return row


def offer_by_lookup_key(lookup_key: str, *, on_sale: bool = False, internal: bool = True) -> Offer:
    """The offer of this lookup key; `on_sale` leaves out what cannot be bought now. Raises UnknownOffer (404)."""
    rows = offers_on_sale(internal=internal) if on_sale else offers_whole()
    row = rows.filter(lookup_key=lookup_key).first()
    if row is None:
        raise UnknownOffer("Nothing is sold under this lookup key.")
    return row


def default_offer(type: str = "", *, internal: bool = True) -> Offer:  # noqa: A002 - the word of the vocabulary
    """What is sold when nothing is named (E14): the default of `type`, or of subscriptions and then one-offs.

    Without such a mark it is the first public offer on sale (of that type). Without `internal` an internal
    default is passed over: what anybody may read. Raises UnknownOffer.
    """
    for wanted in [type] if type else [OfferType.SUBSCRIPTION, OfferType.ONE_OFF]:
        row = offers_on_sale(internal=internal).filter(default_for=wanted).first()
        if row is not None:
            return row
    rows = offers_on_sale()
    row = (rows.filter(type=type) if type else rows).first()
    if row is None:
        raise UnknownOffer("Nothing is on sale.")
    return row


def offer_asked(*, lookup_key: str = "", coupon: Coupon | None = None, type: str = "") -> Offer:  # noqa: A002 - as above
    """What a checkout sells by lookup key, by coupon alone, or by the default slugs (E14).

    A product override sells its own offer whatever was asked; whether it may, `coupon_check` judges with the
    offer that was asked. A coupon for one offer alone names it. Raises UnknownOffer (404).
    """
    if coupon is not None and coupon.override_offer_id is not None and coupon.overrides:
        return offers_on_sale(internal=True).filter(pk=coupon.override_offer_id).first() or _not_sold()
    if lookup_key:
        return offer_by_lookup_key(lookup_key, on_sale=True)
    if coupon is not None:
        named = list(offers_on_sale(internal=True).filter(coupons=coupon)[:2])
        if len(named) == 1:
            return named[0]
    return default_offer(type)


def _not_sold() -> Offer:
    raise UnknownOffer("What this coupon sells is not on sale.")


def units_held() -> Coalesce:
    """Units of an offer that are sold or on their way, as a column of it."""
    rows = Checkout.objects.filter(offer=OuterRef("pk"), state__in=HOLDING).order_by()
    number = rows.values("offer").annotate(n=Sum("units")).values("n")
    return Coalesce(Subquery(number, output_field=IntegerField()), 0)


def offer_units_held(offer: Offer) -> int:
    """Units of an offer that are sold or on their way (E16). Decide by it under a lock of the offer's row."""
    rows = Checkout.objects.filter(offer=offer, state__in=HOLDING)
    return rows.aggregate(n=Sum("units"))["n"] or 0


# --- coupons --------------------------------------------------------------------------------------


def coupons_whole() -> QuerySet[Coupon]:
    return Coupon.objects.select_related("override_offer").prefetch_related("offers")


def coupons_counted() -> QuerySet[Coupon]:
    """Coupons with how many slots are `taken`, and how many of these are `redeemed`."""
    return coupons_whole().annotate(
        taken=Count("redemptions", filter=Q(redemptions__state__in=TAKEN)),
        redeemed=Count("redemptions", filter=Q(redemptions__state=RedemptionState.REDEEMED)),
    )


def coupons_of(offer: Offer) -> QuerySet[Coupon]:
    """The coupons that name this offer (E12)."""
    return coupons_counted().filter(pk__in=offer.coupons.values("pk"))


def coupon_of(offer: Offer, code: str) -> Coupon:
    """Raises UnknownCoupon (404), also for a coupon of other offers."""
    return _coupon(coupons_of(offer), code)


def coupon_by_code(code: str) -> Coupon:
    """The coupon of a code, in any case of its letters. Raises UnknownCoupon (404)."""
    return _coupon(coupons_whole(), code)


def _coupon(rows: QuerySet[Coupon], code: str) -> Coupon:
    row = rows.filter(code=code.strip().upper()[:50]).first()
    if row is None:
        raise UnknownCoupon
    return row


def coupon_slots_taken(coupon: Coupon, account: Any = None) -> int:
    """Slots that are reserved or redeemed, in total or by one account. Decide under a lock of the coupon's row."""
    rows = Redemption.objects.filter(coupon=coupon, state__in=TAKEN)
    return (rows if account is None else rows.filter(account=account)).count()


# --- merchants ------------------------------------------------------------------------------------


def default_merchant() -> MerchantProfile:
    """The profile that sells what names none (C32). Raises UnknownMerchant before the first migration made it."""
    row = MerchantProfile.objects.filter(is_default=True).first()
    if row is None:
        raise UnknownMerchant("There is no default merchant profile.")
    return row


def merchant_of(offer: Offer) -> MerchantProfile:
    """Who sells an offer from now on; what was begun keeps the profile that it began with (C32)."""
    return offer.merchant or default_merchant()


def merchant_get(slug: str) -> MerchantProfile:
    """Raises UnknownMerchant (404)."""
    row = MerchantProfile.objects.filter(slug=slug).first()
    if row is None:
        raise UnknownMerchant(f"There is no merchant profile {slug[:63]}.")
    return row
