"""The price of an offer while its form is filled in: what `quote` says, for seats and coupon of choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from billing.admin.subscriptions import money
from billing.domain.enums import Pricing
from billing.domain.prices import CouponTerms, OfferTerms, PriceError, TierTerms, quote
from billing.models import Coupon
from billing.terms import coupon_terms_of

PRICED = ("pricing", "currency", "amount_minor", "per_unit", "tiers")
MOST_STEPS = 12


def terms_posted(data: Mapping[str, Any], name: str) -> OfferTerms:
    """What the cleaned fields of the form say about the price."""
    tiers = data["tiers"] if data["pricing"] == Pricing.TIERED else ()
    return OfferTerms(
        pricing=data["pricing"],
        currency=data["currency"],
        amount_minor=data["amount_minor"],
        per_unit=data["per_unit"],
        tiers=tuple(TierTerms(**tier) for tier in tiers),
        name=name or "The offer",
    )


def priced(terms: OfferTerms, seats: int, code: str) -> dict[str, Any]:
    """What the panel shows: the quote, line by line, and what other numbers of seats cost."""
    shown: dict[str, Any] = {"seats": seats, "code": code}
    try:
        found = quote(terms, managed_products=seats, coupon=_coupon(code))
    except PriceError as error:
        return {**shown, "refused": error.problem.detail}
    return {
        **shown,
        "lines": [(line, money_signed(line.amount_minor, terms.currency), money_signed(line.unit_minor, terms.currency))
                  for line in found.lines],
        "total": money(found.total_minor, terms.currency),
        "steps": list(_ladder(terms)),
    }  # fmt: skip


def money_signed(amount_minor: int, currency: str) -> str:
    return f"- {money(-amount_minor, currency)}" if amount_minor < 0 else money(amount_minor, currency)


def _coupon(code: str) -> CouponTerms | None:
    if not code:
        return None
    row = Coupon.objects.filter(code=code.strip().upper()).first()
    if row is None:
        raise PriceError("coupon", "unknown", f"There is no coupon {code[:50]}.")
    return coupon_terms_of(row)


def _ladder(terms: OfferTerms) -> Iterator[tuple[int, str, str]]:
    """Seats, whole price and price of one seat at both sides of every step."""
    bounds = sorted(tier.up_to for tier in terms.tiers if tier.up_to)[: MOST_STEPS // 2]
    for seats in sorted({1, *bounds, *(bound + 1 for bound in bounds)}):
        try:
            total = quote(terms, managed_products=seats).total_minor
        except PriceError:
            continue
        yield seats, money(total, terms.currency), money(total // seats, terms.currency)
