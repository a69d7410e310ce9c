from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.prices import MAX_AMOUNT, CouponTerms, OfferTerms, PriceError, TierTerms, quote

FIXED = OfferTerms(pricing="fixed", currency="eur", amount_minor=9_900, name="Pro")
EACH = OfferTerms(pricing="fixed", currency="eur", amount_minor=500, per_unit=True, name="Seat")


def tiered(*tiers: TierTerms, base: int = 1000) -> OfferTerms:
    return OfferTerms(pricing="tiered", currency="eur", amount_minor=base, tiers=tiers, name="Steps")


STEPS = tiered(
    TierTerms(10, amount_minor=5_000),
    TierTerms(50, factor=Decimal("0.85"), per_unit=True),
    TierTerms(None, factor=Decimal("0.5"), per_unit=True),
)


def total(offer, seats, coupon=None):
    return quote(offer, managed_products=seats, coupon=coupon).total_minor


@pytest.mark.parametrize(
    ("offer", "seats", "expected"),
    [
        (FIXED, 0, 9_900),
        (FIXED, 7, 9_900),
        (EACH, 7, 3_500),
        (STEPS, 1, 5_000),
        (STEPS, 10, 5_000),
        (STEPS, 11, 850 * 11),
        (STEPS, 50, 850 * 50),
        (STEPS, 51, 500 * 51),
    ],
)
def test_the_first_step_that_holds_the_seats_makes_the_price(offer, seats, expected):
    """E10: a positive amount is the price, else base times factor; per unit counts each."""
    assert total(offer, seats) == expected


def test_the_order_in_which_steps_are_written_does_not_matter():
    """E10: the first step is the one with the lowest bound."""
    turned = tiered(*reversed(STEPS.tiers))
    assert [total(turned, n) for n in (1, 10, 11, 51)] == [total(STEPS, n) for n in (1, 10, 11, 51)]


@pytest.mark.parametrize(
    ("base", "factor", "price"), [(25, "0.5", 13), (35, "0.5", 18), (1, "0.49", 0), (3, "0.1", 0)]
)
def test_a_half_is_rounded_up(base, factor, price):
    """E10: base times factor is rounded half up, never to the even neighbour."""
    assert total(tiered(TierTerms(None, factor=Decimal(factor)), base=base), 1) == price


def test_a_unit_is_rounded_before_it_is_counted():
    """E10: what a buyer is told for one is what each costs."""
    assert total(tiered(TierTerms(None, factor=Decimal("0.5"), per_unit=True), base=25), 100) == 1300


@pytest.mark.parametrize(
    ("offer", "seats", "code"),
    [
        (STEPS, 0, "required"),
        (EACH, 0, "required"),
        (STEPS, -1, "negative"),
        (FIXED, -1, "negative"),
        (FIXED, 2**31, "out_of_range"),
        (tiered(TierTerms(10)), 11, "no_tier"),
        (tiered(), 1, "no_tier"),
        (OfferTerms("fixed", "eur", MAX_AMOUNT, per_unit=True), 2, "out_of_range"),
    ],
)
def test_without_a_price_the_refusal_says_why(offer, seats, code):
    """E10: the number of seats is required and at least 1 where the price depends on it."""
    with pytest.raises(PriceError) as refusal:
        quote(offer, managed_products=seats)
    assert (refusal.value.problem.field, refusal.value.problem.code) == ("managed_products", code)


@pytest.mark.parametrize(
    ("coupon", "expected"),
    [
        (CouponTerms("P", "percent", percent_bps=2_000), 7_920),
        (CouponTerms("P", "percent", percent_bps=10_000), 0),
        (CouponTerms("P", "percent", percent_bps=5), 9_895),
        (CouponTerms("F", "fixed", amount_minor=900, currency="eur"), 9_000),
        (CouponTerms("F", "fixed", amount_minor=99_999, currency="eur"), 0),
        (CouponTerms("S", "set_price", amount_minor=100, currency="eur"), 100),
        (CouponTerms("S", "set_price", amount_minor=99_999, currency="eur"), 9_900),
        (CouponTerms("X", "free"), 0),
    ],
)
def test_each_kind_of_coupon_takes_off_what_it_says(coupon, expected):
    """C26: percent in basis points, fixed amount, set price, free license; never below 0, never dearer."""
    assert total(FIXED, 1, coupon) == expected


def test_a_coupon_of_another_currency_takes_nothing_off():
    """C26: money of two currencies is never added."""
    with pytest.raises(PriceError) as refusal:
        quote(FIXED, managed_products=1, coupon=CouponTerms("F", "fixed", amount_minor=1, currency="usd"))
    assert refusal.value.problem.code == "wrong_currency"


tiers = st.lists(
    st.builds(
        TierTerms,
        up_to=st.integers(1, 1000),
        amount_minor=st.just(0) | st.integers(0, 100_000),
        factor=st.decimals(0, 10, places=4),
        per_unit=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda tier: tier.up_to,
).flatmap(
    lambda rows: st.builds(
        lambda last: (*rows, last),
        st.builds(
            TierTerms, up_to=st.none(), amount_minor=st.integers(0, 100_000), factor=st.decimals(0, 10, places=4),
            per_unit=st.booleans(),
        ),
    )
)  # fmt: skip
offers = st.builds(
    OfferTerms,
    pricing=st.sampled_from(["fixed", "tiered"]),
    currency=st.just("eur"),
    amount_minor=st.integers(0, 1_000_000),
    per_unit=st.booleans(),
    tiers=tiers,
)
coupons = st.none() | st.builds(
    CouponTerms,
    code=st.just("CODE"),
    discount=st.sampled_from(["percent", "fixed", "set_price", "free"]),
    percent_bps=st.integers(0, 10_000),
    amount_minor=st.integers(0, 10_000_000),
    currency=st.just("eur"),
)


@given(offers, st.integers(1, 2000), coupons)
def test_a_quote_adds_up_and_never_falls_below_nothing(offer, seats, coupon):
    """C26, E10: total = list - discount = the sum of the lines, between 0 and the list price."""
    found = quote(offer, managed_products=seats, coupon=coupon)
    assert (
        found.total_minor
        == found.list_minor - found.discount_minor
        == sum(x.amount_minor for x in found.lines)
    )
    assert 0 <= found.total_minor <= found.list_minor
    assert all(line.amount_minor == line.unit_minor * line.quantity for line in found.lines)


@given(offers, st.integers(1, 2000))
def test_a_tiered_price_is_the_rule_read_aloud(offer, seats):
    """E10, written down a second time the slow way."""
    if offer.pricing != "tiered":
        return
    fitting = [tier for tier in offer.tiers if tier.up_to is not None and tier.up_to >= seats]
    tier = (
        min(fitting, key=lambda row: row.up_to)
        if fitting
        else next(t for t in offer.tiers if t.up_to is None)
    )
    price = Decimal(tier.amount_minor or offer.amount_minor * tier.factor).quantize(Decimal(1), ROUND_HALF_UP)
    assert quote(offer, managed_products=seats).list_minor == price * (seats if tier.per_unit else 1)
