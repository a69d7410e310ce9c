"""From rows of the catalogue to what the domain decides about, and to the licenses that an order brings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.domain import coupons, offers, prices, terms
from billing.domain.prices import Quote
from billing.errors import unpriced
from billing.models import BundleItem, Coupon, Offer, PriceTier
from licenses.models import Plan


@dataclass(frozen=True, slots=True)
class Delivery:
    """One license that an order brings. `position` is its place in the order, from 0.

    `terms` are for `license_create`; `maintenance_expires_at` is the column of the license's row (E32).
    """

    position: int
    plan: Plan
    terms: dict[str, Any]
    maintenance_expires_at: datetime | None


def tier_terms_of(tier: PriceTier) -> prices.TierTerms:
    return prices.TierTerms(tier.up_to, tier.amount_minor, tier.factor, tier.per_unit)


def offer_terms_of(offer: Offer, tiers: Iterable[PriceTier] | None = None) -> prices.OfferTerms:
    """What `billing.domain.prices.quote` asks for. `tiers` spares a query."""
    rows = offer.tiers.all() if tiers is None else tiers
    return prices.OfferTerms(
        pricing=offer.pricing,
        currency=offer.currency,
        amount_minor=offer.amount_minor,
        per_unit=offer.per_unit,
        tiers=tuple(tier_terms_of(tier) for tier in rows),
        name=offer.name,
    )


def coupon_terms_of(coupon: Coupon) -> prices.CouponTerms:
    return prices.CouponTerms(
        code=coupon.code,
        discount=coupon.discount,
        percent_bps=coupon.percent_bps,
        amount_minor=coupon.amount_minor,
        currency=coupon.currency,
        duration=coupon.duration,
        duration_months=coupon.duration_months,
    )


def coupon_rules_of(coupon: Coupon) -> coupons.CouponRules:
    """The bounds of a coupon. What a product override sells instead is always among its offers."""
    slugs = {offer.slug for offer in coupon.offers.all()}
    if slugs and coupon.override_offer:
        slugs.add(coupon.override_offer.slug)
    return coupons.CouponRules(
        code=coupon.code,
        active=coupon.active,
        expires_at=coupon.expires_at,
        offers=frozenset(slugs),
        currency=coupon.currency,
        max_total=coupon.max_total,
        max_per_group=coupon.max_per_group,
        min_managed_products=coupon.min_managed_products,
        max_managed_products=coupon.max_managed_products,
    )


def term_facts_of(offer: Offer, plan: Plan | None = None) -> terms.TermFacts:
    """What an offer says about its licenses; of a bundle's component with that component's plan."""
    cut_from = plan or offer.plan
    return terms.TermFacts(
        type=offer.type,
        interval=offer.interval,
        interval_count=offer.interval_count,
        term_days=offer.term_days,
        plan_days=cut_from.duration_days if cut_from else 0,
        maintenance=offer.maintenance,
        maintenance_days=offer.maintenance_days,
        default_seats=offer.default_seats,
        min_managed_products=offer.min_managed_products,
        max_managed_products=offer.max_managed_products,
    )


def offer_facts_of(
    offer: Offer, tiers: Iterable[PriceTier], items: Iterable[BundleItem]
) -> offers.OfferFacts:
    return offers.OfferFacts(
        term=term_facts_of(offer),
        pricing=offer.pricing,
        amount_minor=offer.amount_minor,
        tiers=[tier_terms_of(tier) for tier in tiers],
        items=[offers.ItemFacts(item.plan_id, item.quantity) for item in items],
        has_plan=offer.plan_id is not None,
        maintenance_amount_minor=offer.maintenance_amount_minor,
        default_for=offer.default_for,
        features=offer.features,
        metadata=offer.metadata,
    )


def seats_of(offer: Offer, managed_products: int | None) -> int:
    """How many seats an order of this offer is for (E15). Raises Invalid naming `managed_products`."""
    try:
        return terms.seats_asked(term_facts_of(offer), managed_products)
    except prices.PriceError as error:
        raise unpriced(error) from error


def quote_of(offer: Offer, *, managed_products: int, coupon: Coupon | None = None) -> Quote:
    """The price of an order by our catalogue. Raises Invalid. Coupon rules are `coupon_check`'s to judge."""
    found = coupon_terms_of(coupon) if coupon else None
    try:
        return prices.quote(offer_terms_of(offer), managed_products=managed_products, coupon=found)
    except prices.PriceError as error:
        raise unpriced(error) from error


def terms_of(offer: Offer, managed_products: int, at: datetime) -> dict[str, Any]:
    """How the license of an offer differs from its plan, for `license_create`. Not for bundles."""
    return terms.license_terms(term_facts_of(offer), seats=managed_products or offer.default_seats, at=at)


def deliveries_of(offer: Offer, managed_products: int, at: datetime) -> list[Delivery]:
    """Every license that one order of this offer brings: one, or of a bundle one a component and quantity (E11)."""
    if offer.plan is not None:
        end = terms.maintenance_end(term_facts_of(offer), at)
        return [Delivery(0, offer.plan, terms_of(offer, managed_products, at), end)]
    found: list[Delivery] = []
    for item in offer.items.select_related("plan__product"):
        facts = term_facts_of(offer, item.plan)
        wanted = terms.license_terms(facts, seats=item.managed_products or 0, at=at)
        end = terms.maintenance_end(facts, at)
        for _ in range(item.quantity):
            found.append(Delivery(len(found), item.plan, dict(wanted), end))
    return found
