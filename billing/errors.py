"""Refusals of billing. Their codes are part of the API."""

from __future__ import annotations

from collections.abc import Iterable

from billing.domain.coupons import Broken
from billing.domain.prices import PriceError
from config.kit.errors import Conflict, FieldError, Invalid, NotFound
from licenses.domain.problems import Problem


class Exists(Conflict):
    code = "exists"
    title = "Something of this name exists already."


class UnknownOffer(NotFound):
    """E7: nothing is sold under this name."""

    code = "unknown_product"
    title = "There is no product of this name."


class UnknownCoupon(NotFound):
    code = "unknown_coupon"
    title = "There is no coupon of this code."


class UnknownMerchant(NotFound):
    code = "unknown_merchant"
    title = "There is no merchant profile of this name."


class CouponRefused(Invalid):
    """E13: each entry of `errors` has the code of one rule that refuses."""

    code = "coupon_refused"
    title = "This coupon cannot be used here."

    @classmethod
    def of(cls, broken: Iterable[Broken]) -> CouponRefused:
        return cls([FieldError("coupon", str(one.rule), one.detail) for one in broken])


class BelowUnitsHeld(Conflict):
    """E9: a cap is not lowered below what is sold or on its way; `held` says how many."""

    code = "below_units_held"
    title = "More units than that are sold or on their way."


class FixedOnceSold(Conflict):
    code = "fixed_once_sold"
    title = "This cannot change any more: units are sold or on their way."


class ConfigManaged(Conflict):
    """What the catalogue file keeps is changed there."""

    code = "config_managed"
    title = "The catalogue file keeps this entry; change it there."


class InUse(Conflict):
    code = "in_use"
    title = "Something still refers to this."


class CouponUsed(Conflict):
    """C26: a code with redemptions can only be disabled."""

    code = "coupon_used"
    title = "This coupon has been used; it can only be switched off."


class SeatLimitExceeded(Conflict):
    """E26: our own license has no seat left for another active product."""

    code = "seat_limit_exceeded"
    title = "Your own license has no seat left for another active product."

    def __init__(self, *, limit: int, required: int) -> None:
        detail = f"Your own license has {limit} seats for active products; this would need {required}."
        super().__init__(detail, error=self.code, message=detail, seatLimit=limit, required=required)


def invalid(problems: Iterable[Problem]) -> Invalid:
    return Invalid([FieldError(one.field, one.code, one.detail) for one in problems])


def unpriced(error: PriceError) -> Invalid:
    """A price that cannot be found, as a refusal of the field."""
    return invalid([error.problem])
