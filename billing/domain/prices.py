"""What an offer costs (E10) and what a coupon takes off (C26). Whole minor units; halves round up."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from billing.domain.enums import Discount, Duration, Pricing
from licenses.domain.problems import Problem

MAX_AMOUNT: Final = 99_999_999_999
MAX_SEATS: Final = 2_147_483_647
WHOLE_BPS: Final = 10_000


class PriceError(ValueError):
    """There is no price for what was asked. `problem` names the field, a stable code and a sentence."""

    def __init__(self, field: str, code: str, detail: str) -> None:
        self.problem = Problem(field, code, detail)
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class TierTerms:
    """One step of a tiered price: up to `up_to` seats, or without bound (None)."""

    up_to: int | None
    amount_minor: int = 0
    factor: Decimal = Decimal(1)
    per_unit: bool = False


@dataclass(frozen=True, slots=True)
class OfferTerms:
    """What a price is found from. `amount_minor` is the price, or the base of the tiers."""

    pricing: str
    currency: str
    amount_minor: int
    per_unit: bool = False
    tiers: tuple[TierTerms, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class CouponTerms:
    """What a coupon takes off. `amount_minor` is off the price, or with `set_price` the price itself."""

    code: str
    discount: str
    percent_bps: int = 0
    amount_minor: int = 0
    currency: str = ""
    duration: str = Duration.ONCE
    duration_months: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a quote: `quantity` times `unit_minor`. A discount is a line below zero."""

    label: str
    quantity: int
    unit_minor: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A price with the way it was found. `total_minor` is `list_minor` less `discount_minor`, never below 0.

    `unit` is the price of one of `quantity`; `tier` is the step that held the seats, if there are steps.
    """

    list_minor: int
    discount_minor: int
    total_minor: int
    currency: str
    unit: int
    quantity: int
    managed_products: int
    lines: tuple[Line, ...]
    tier: TierTerms | None = None
    coupon: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values, as they are kept with an order and answered by the API."""
        return {
            "list_minor": self.list_minor,
            "discount_minor": self.discount_minor,
            "total_minor": self.total_minor,
            "currency": self.currency,
            "unit_minor": self.unit,
            "quantity": self.quantity,
            "managed_products": self.managed_products,
            "coupon": self.coupon,
            "tier_up_to": self.tier.up_to if self.tier else None,
            "lines": [
                {
                    "label": line.label,
                    "quantity": line.quantity,
                    "unit_minor": line.unit_minor,
                    "amount_minor": line.amount_minor,
                }
                for line in self.lines
            ],
        }


def quote(offer: OfferTerms, *, managed_products: int, coupon: CouponTerms | None = None) -> Quote:
    """Price `managed_products` seats of an offer (E10), less what a coupon takes off.

    Raises PriceError: `negative` or `out_of_range` seats, `required` when the price counts seats and there is
    none, `no_tier` when no step holds them, `wrong_currency` for a coupon of another currency.
    Whether the coupon may be used here at all is `billing.domain.coupons`' to say.
    """
    _check_seats(offer, managed_products)
    tier = tier_for(offer.tiers, managed_products) if offer.pricing == Pricing.TIERED else None
    unit, counted = _unit(offer, tier)
    quantity = managed_products if counted else 1
    listed = unit * quantity
    if listed > MAX_AMOUNT:
        raise PriceError("managed_products", "out_of_range", "That many cost more than one order may.")
    discount = discount_of(coupon, listed, offer.currency) if coupon else 0
    lines = [Line(offer.name, quantity, unit, listed)]
    if coupon and discount:
        lines.append(Line(coupon.code, 1, -discount, -discount))
    return Quote(
        list_minor=listed,
        discount_minor=discount,
        total_minor=listed - discount,
        currency=offer.currency,
        unit=unit,
        quantity=quantity,
        managed_products=managed_products,
        lines=tuple(lines),
        tier=tier,
        coupon=coupon.code if coupon else "",
    )


def tier_for(tiers: tuple[TierTerms, ...], managed_products: int) -> TierTerms:
    """The step with the lowest bound that holds this many, else the one without bound (E10). Raises PriceError."""
    bounded = sorted((tier for tier in tiers if tier.up_to is not None), key=lambda tier: tier.up_to or 0)
    for tier in bounded:
        if tier.up_to is not None and managed_products <= tier.up_to:
            return tier
    for tier in tiers:
        if tier.up_to is None:
            return tier
    highest = bounded[-1].up_to if bounded else 0
    raise PriceError("managed_products", "no_tier", f"There is a price for up to {highest} only.")


def discount_of(coupon: CouponTerms, list_minor: int, currency: str) -> int:
    """What a coupon takes off a price: from 0 to the whole of it. Raises PriceError (`wrong_currency`)."""
    match coupon.discount:
        case Discount.FREE:
            return list_minor
        case Discount.PERCENT:
            return min(list_minor, half_up(Decimal(list_minor) * coupon.percent_bps / WHOLE_BPS))
    if coupon.currency != currency:
        raise PriceError(
            "coupon", "wrong_currency", f"The coupon counts in {coupon.currency}, the price in {currency}."
        )
    if coupon.discount == Discount.SET_PRICE:
        return max(0, list_minor - coupon.amount_minor)
    return min(list_minor, coupon.amount_minor)


def half_up(amount: Decimal) -> int:
    """To whole minor units; a half goes up."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _check_seats(offer: OfferTerms, managed_products: int) -> None:
    if managed_products < 0:
        raise PriceError("managed_products", "negative", "A negative number makes no sense here.")
    if managed_products > MAX_SEATS:
        raise PriceError("managed_products", "out_of_range", f"At most {MAX_SEATS}.")
    if managed_products == 0 and (offer.pricing == Pricing.TIERED or offer.per_unit):
        raise PriceError("managed_products", "required", "The price depends on how many; at least 1.")


def _unit(offer: OfferTerms, tier: TierTerms | None) -> tuple[int, bool]:
    """The price of one, and whether it counts for each seat."""
    if tier is None:
        return offer.amount_minor, offer.per_unit
    if tier.amount_minor > 0:
        return tier.amount_minor, tier.per_unit
    return half_up(offer.amount_minor * tier.factor), tier.per_unit
