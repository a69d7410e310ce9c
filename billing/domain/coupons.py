"""What a coupon may say (E12), and whether it may be used for an order (E13, C26)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from billing.domain.enums import Behavior, Discount, Duration, OfferType
from billing.domain.offers import metadata_problems
from billing.domain.prices import MAX_AMOUNT, WHOLE_BPS, CouponTerms
from licenses.domain.problems import Problem, range_problem

MAX_MONTHS: Final = 120


class CouponRule(StrEnum):
    """The closed list of what refuses a coupon. The values are codes of the API."""

    INACTIVE = "coupon_inactive"
    EXPIRED = "coupon_expired"
    WRONG_PRODUCT = "coupon_wrong_product"
    WRONG_CURRENCY = "coupon_wrong_currency"
    EXHAUSTED = "coupon_exhausted"
    EXHAUSTED_FOR_GROUP = "coupon_exhausted_for_group"
    BELOW_MINIMUM = "coupon_below_minimum"
    ABOVE_MAXIMUM = "coupon_above_maximum"


@dataclass(frozen=True, slots=True)
class CouponRules:
    """The bounds of a coupon; None is no bound. `offers` are slugs, none at all means every offer."""

    code: str
    active: bool = True
    expires_at: datetime | None = None
    offers: frozenset[str] = frozenset()
    currency: str = ""
    max_total: int | None = None
    max_per_group: int | None = None
    min_managed_products: int | None = None
    max_managed_products: int | None = None


@dataclass(frozen=True, slots=True)
class CouponUse:
    """One use: for which offer (slug), how many seats, when, and how many slots are taken already.

    `used_by_group` is None while nobody is known who buys.
    """

    offer: str
    currency: str
    managed_products: int
    at: datetime
    used: int = 0
    used_by_group: int | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that refuses, in one sentence."""

    rule: CouponRule
    detail: str


def broken_rules(coupon: CouponRules, use: CouponUse) -> Iterator[Broken]:
    """Every rule that refuses this use, in a fixed order; nothing at all means that it may be used."""
    if not coupon.active:
        yield Broken(CouponRule.INACTIVE, f"The coupon {coupon.code} is not active.")
    if coupon.expires_at is not None and use.at >= coupon.expires_at:
        yield Broken(CouponRule.EXPIRED, f"The coupon {coupon.code} has expired.")
    if coupon.offers and use.offer not in coupon.offers:
        yield Broken(CouponRule.WRONG_PRODUCT, f"The coupon {coupon.code} is not for this product.")
    if coupon.currency and coupon.currency != use.currency:
        yield Broken(CouponRule.WRONG_CURRENCY, f"The coupon {coupon.code} counts in {coupon.currency}.")
    yield from _seat_rules(coupon, use)
    yield from _slot_rules(coupon, use)


def _seat_rules(coupon: CouponRules, use: CouponUse) -> Iterator[Broken]:
    lowest, highest = coupon.min_managed_products, coupon.max_managed_products
    if lowest is not None and use.managed_products < lowest:
        yield Broken(CouponRule.BELOW_MINIMUM, f"The coupon {coupon.code} needs at least {lowest}.")
    if highest is not None and use.managed_products > highest:
        yield Broken(CouponRule.ABOVE_MAXIMUM, f"The coupon {coupon.code} is for at most {highest}.")


def _slot_rules(coupon: CouponRules, use: CouponUse) -> Iterator[Broken]:
    if coupon.max_total is not None and use.used >= coupon.max_total:
        yield Broken(CouponRule.EXHAUSTED, f"The coupon {coupon.code} is used up.")
    taken = use.used_by_group
    if coupon.max_per_group is not None and taken is not None and taken >= coupon.max_per_group:
        yield Broken(CouponRule.EXHAUSTED_FOR_GROUP, f"Your group has used the coupon {coupon.code} up.")


@dataclass(frozen=True, slots=True)
class CouponFacts:
    """A coupon as it is asked for."""

    terms: CouponTerms
    behavior: str
    has_override: bool = False
    override_type: str = ""
    offer_currencies: frozenset[str] = frozenset()
    min_managed_products: int | None = None
    max_managed_products: int | None = None
    metadata: Any = None


def coupon_problems(facts: CouponFacts) -> list[Problem]:
    """Everything that is wrong with a coupon; an empty list means that it may be saved (E12)."""
    return [
        *_behavior_problems(facts),
        *_discount_problems(facts),
        *_duration_problems(facts.terms),
        *_bound_problems(facts),
        *metadata_problems(facts.metadata),
    ]


def _behavior_problems(facts: CouponFacts) -> Iterator[Problem]:
    if facts.behavior == Behavior.PRODUCT_OVERRIDE:
        if not facts.has_override:
            yield Problem("override_offer", "required", "Which one-off offer does it sell instead?")
        elif facts.override_type != OfferType.ONE_OFF:
            yield Problem("override_offer", "one_off_only", "A product override sells a one-off offer.")
    elif facts.has_override:
        yield Problem("override_offer", "override_only", "Only a product override sells another offer.")


def _discount_problems(facts: CouponFacts) -> Iterator[Problem]:
    terms = facts.terms
    money = terms.discount in {Discount.FIXED, Discount.SET_PRICE}
    if terms.discount == Discount.PERCENT:
        lowest = 0 if facts.behavior == Behavior.PRODUCT_OVERRIDE else 1
        problem = range_problem("percent_bps", terms.percent_bps, lowest, WHOLE_BPS)
        if problem is not None:
            yield problem
    elif terms.percent_bps:
        yield Problem("percent_bps", "percent_only", "Only a percentage has basis points.")
    if terms.discount == Discount.FIXED and not 1 <= terms.amount_minor <= MAX_AMOUNT:
        yield Problem("amount_minor", "out_of_range", f"From 1 to {MAX_AMOUNT}.")
    if not money and terms.amount_minor:
        yield Problem("amount_minor", "amount_only", "Only a fixed amount or a set price has an amount.")
    if money and not terms.currency:
        yield Problem("currency", "required", "An amount has a currency.")
    if not money and terms.currency:
        yield Problem("currency", "amount_only", "Only an amount has a currency.")
    if money and terms.currency and facts.offer_currencies - {terms.currency}:
        yield Problem("currency", "other_currency", "An offer that it is for has another currency.")


def _duration_problems(terms: CouponTerms) -> Iterator[Problem]:
    months = terms.duration_months
    if terms.duration == Duration.REPEATING:
        problem = range_problem("duration_months", months, 1, MAX_MONTHS)
        if problem is not None:
            yield problem
    elif months is not None:
        yield Problem("duration_months", "repeating_only", "Only a repeating coupon counts months.")


def _bound_problems(facts: CouponFacts) -> Iterator[Problem]:
    lowest, highest = facts.min_managed_products, facts.max_managed_products
    if lowest is not None and highest is not None and highest < lowest:
        yield Problem("max_managed_products", "below_minimum", "Not below the lowest number of seats.")
