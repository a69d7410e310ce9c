from __future__ import annotations

from datetime import timedelta

import pytest

from billing.errors import ConfigManaged, CouponRefused, CouponUsed, Exists, FixedOnceSold
from billing.models import Coupon, Redemption
from billing.selectors.catalogue import coupon_by_code, coupon_slots_taken, coupons_counted
from billing.services.coupons import (
    coupon_delete,
    coupon_reserve,
    coupon_update,
    redemption_redeem,
    redemption_release,
)
from config.kit.errors import Invalid
from history.models import Event

pytestmark = pytest.mark.django_db
BY = {"actor": "cli:test"}


def rules_of(error):
    return [one.code for one in error.value.errors]


def test_a_code_is_kept_in_capitals_and_found_in_any_case(make_coupon):
    """E12."""
    make_coupon(" spring-26 ")
    assert coupon_by_code("Spring-26").code == "SPRING-26"
    with pytest.raises(Exists):
        make_coupon("SPRING-26")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"percent_bps": 10_001}, ("percent_bps", "out_of_range")),
        ({"percent_bps": 0}, ("percent_bps", "out_of_range")),
        ({"discount": "fixed", "amount_minor": 5}, ("currency", "required")),
        ({"discount": "fixed", "currency": "eur"}, ("amount_minor", "out_of_range")),
        ({"discount": "free", "amount_minor": 5}, ("amount_minor", "amount_only")),
        ({"duration": "repeating"}, ("duration_months", "not_integer")),
        ({"duration_months": 3}, ("duration_months", "repeating_only")),
        ({"behavior": "product_override"}, ("override_offer", "required")),
        ({"behavior": "gift"}, ("behavior", "invalid_choice")),
        ({"min_managed_products": 5, "max_managed_products": 4}, ("max_managed_products", "below_minimum")),
        ({"metadata": ["a"]}, ("metadata", "malformed")),
        ({"colour": "red"}, ("colour", "unknown_field")),
    ],
)
def test_a_bad_coupon_is_refused_by_field(make_coupon, fields, problem):
    """E12: behaviours, kinds, durations and bounds; months only when repeating."""
    with pytest.raises(Invalid) as error:
        make_coupon("BAD", **fields)
    assert problem in [(one.field, one.code) for one in error.value.errors]
    assert not Coupon.objects.exists()


def test_an_override_sells_a_one_off_offer(make_coupon, offer):
    """E13: the configured product is a one-off one."""
    with pytest.raises(Invalid) as error:
        make_coupon("SWAP", behavior="product_override", override_offer=offer, percent_bps=0)
    assert rules_of(error) == ["one_off_only"]


def test_an_amount_is_in_the_currency_of_its_offers(make_coupon, offer):
    """C26: a coupon that could never be used is refused when it is made."""
    with pytest.raises(Invalid) as error:
        make_coupon("US", discount="fixed", amount_minor=5, currency="usd", offers=[offer])
    assert rules_of(error) == ["other_currency"]


def test_a_slot_is_reserved_redeemed_and_released(make_coupon, make_checkout, offer, customer, at):
    """C26: the last slot goes to one checkout, and is free again when that one ends without money."""
    coupon = make_coupon(max_total=1, offers=[offer])
    first, second = make_checkout(offer), make_checkout(offer)
    coupon_reserve(coupon=coupon, checkout=first, account=customer, at=at)
    with pytest.raises(CouponRefused) as error:
        coupon_reserve(coupon=coupon, checkout=second, account=customer, at=at)
    assert rules_of(error) == ["coupon_exhausted"]
    assert redemption_release(checkout=first, at=at)
    coupon_reserve(coupon=coupon, checkout=second, account=customer, at=at)
    assert redemption_redeem(checkout=second, at=at)
    assert not redemption_release(checkout=second, at=at)
    counted = coupons_counted().get()
    assert (counted.taken, counted.redeemed, coupon_slots_taken(coupon)) == (1, 1, 1)
    assert sorted(Redemption.objects.values_list("state", flat=True)) == ["redeemed", "released"]


def test_a_group_has_slots_of_its_own(make_coupon, make_checkout, offer, customer, prospect, at):
    """E12, E13: exhausted for one group, not for the next."""
    coupon = make_coupon(max_per_group=1)
    coupon_reserve(coupon=coupon, checkout=make_checkout(offer), account=customer, at=at)
    with pytest.raises(CouponRefused) as error:
        coupon_reserve(coupon=coupon, checkout=make_checkout(offer), account=customer, at=at)
    assert rules_of(error) == ["coupon_exhausted_for_group"]
    coupon_reserve(coupon=coupon, checkout=make_checkout(offer), account=prospect, at=at)


def test_a_product_override_is_judged_by_what_was_asked_for(
    make_coupon, make_checkout, make_offer, customer, at
):
    """E13: wrong product, for the product that the buyer named."""
    asked, other = make_offer("asked"), make_offer("other")
    gift = make_offer("gift", type="one_off")
    swap = make_coupon(
        "SWAP", offers=[asked], behavior="product_override", override_offer=gift, percent_bps=0
    )
    with pytest.raises(CouponRefused) as error:
        coupon_reserve(coupon=swap, checkout=make_checkout(gift), account=customer, at=at, asked=other)
    assert rules_of(error) == ["coupon_wrong_product"]
    coupon_reserve(coupon=swap, checkout=make_checkout(gift), account=customer, at=at, asked=asked)
    coupon_reserve(coupon=swap, checkout=make_checkout(gift), account=customer, at=at)


def test_an_expired_coupon_is_refused(make_coupon, make_checkout, offer, customer, at):
    """C26."""
    coupon = make_coupon(expires_at=at)
    with pytest.raises(CouponRefused) as error:
        coupon_reserve(coupon=coupon, checkout=make_checkout(offer), account=customer, at=at)
    assert rules_of(error) == ["coupon_expired"]
    later = coupon_update(coupon=coupon, expires_at=at + timedelta(days=1), at=at, **BY)
    coupon_reserve(coupon=later, checkout=make_checkout(offer), account=customer, at=at)


def test_a_used_coupon_is_switched_off_never_deleted(make_coupon, make_checkout, offer, customer, at):
    """C26: also once its only slot was released; what it takes off stays as it was told."""
    coupon, checkout = make_coupon(), make_checkout(offer)
    coupon_reserve(coupon=coupon, checkout=checkout, account=customer, at=at)
    redemption_release(checkout=checkout, at=at)
    with pytest.raises(CouponUsed):
        coupon_delete(coupon=coupon, at=at, **BY)
    with pytest.raises(FixedOnceSold):
        coupon_update(coupon=coupon, percent_bps=5_000, at=at, **BY)
    assert not coupon_update(coupon=coupon, active=False, at=at, **BY).active


def test_a_coupon_that_nobody_used_goes(make_coupon, at):
    """E12: its making and its end stay in the history."""
    coupon_delete(coupon=make_coupon(), at=at, **BY)
    assert not Coupon.objects.exists()
    assert list(Event.objects.order_by("pk").values_list("kind", "subject"))[-2:] == [
        ("coupon.created", "coupon:WELCOME20"),
        ("coupon.deleted", "coupon:WELCOME20"),
    ]


def test_what_the_file_keeps_is_left_to_the_file(make_coupon, at):
    """E12."""
    coupon = make_coupon(config_managed=True)
    with pytest.raises(ConfigManaged):
        coupon_update(coupon=coupon, active=False, at=at, **BY)
    with pytest.raises(ConfigManaged):
        coupon_delete(coupon=coupon, at=at, **BY)
    assert not coupon_update(coupon=coupon, active=False, by_file=True, at=at, **BY).active


def test_the_offers_of_a_coupon_are_replaced_together(make_coupon, make_offer, at):
    """C26: several policies."""
    one, two = make_offer("one"), make_offer("two")
    coupon = make_coupon(offers=[one])
    assert set(coupon_update(coupon=coupon, offers=[one, two], at=at, **BY).offers.all()) == {one, two}
    assert Event.objects.get(kind="coupon.changed").data["fields"] == ["offers"]
