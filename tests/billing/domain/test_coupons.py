from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.coupons import CouponRules, CouponUse, broken_rules

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
COUPON = CouponRules(
    code="SPRING", offers=frozenset({"pro"}), currency="eur", expires_at=AT + timedelta(days=1),
    max_total=10, max_per_group=2, min_managed_products=5, max_managed_products=50,
)  # fmt: skip
USE = CouponUse(offer="pro", currency="eur", managed_products=5, at=AT, used=9, used_by_group=1)


def found(coupon=COUPON, use=USE):
    return [str(broken.rule) for broken in broken_rules(coupon, use)]


@pytest.mark.parametrize(
    "use",
    [
        USE,
        replace(USE, managed_products=50),
        replace(USE, at=AT + timedelta(days=1, seconds=-1)),
        replace(USE, used_by_group=None),
    ],
)
def test_within_its_bounds_a_coupon_may_be_used(use):
    """E13, C26."""
    assert found(use=use) == []


def test_a_coupon_without_bounds_is_for_every_offer():
    """C26: bounds, expiry and product are optional."""
    use = replace(USE, offer="other", currency="usd", managed_products=0, used=10**6, used_by_group=10**6)
    assert found(CouponRules(code="ANY"), use) == []


@pytest.mark.parametrize(
    ("coupon", "use", "rule"),
    [
        (replace(COUPON, active=False), USE, "coupon_inactive"),
        (COUPON, replace(USE, at=AT + timedelta(days=1)), "coupon_expired"),
        (COUPON, replace(USE, offer="basic"), "coupon_wrong_product"),
        (COUPON, replace(USE, currency="usd"), "coupon_wrong_currency"),
        (COUPON, replace(USE, used=10), "coupon_exhausted"),
        (COUPON, replace(USE, used_by_group=2), "coupon_exhausted_for_group"),
        (COUPON, replace(USE, managed_products=4), "coupon_below_minimum"),
        (COUPON, replace(USE, managed_products=51), "coupon_above_maximum"),
    ],
)
def test_a_refused_coupon_names_the_rule(coupon, use, rule):
    """E13: inactive, wrong product, exhausted in total or for the group, seats outside its bounds; C26: expired."""
    assert found(coupon, use) == [rule]


def test_every_broken_rule_is_named():
    """E13: one does not hide another."""
    assert found(replace(COUPON, active=False), replace(USE, managed_products=1, used=99)) == [
        "coupon_inactive",
        "coupon_below_minimum",
        "coupon_exhausted",
    ]
