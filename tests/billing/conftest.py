"""A catalogue to sell from: an office that can sign, and makers of offers and coupons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.licenses.conftest import *  # noqa: F403 - billing stands on a license office

ACTOR = "cli:test"


@pytest.fixture
def make_offer(enterprise, at) -> Callable[..., Any]:
    """Return a maker of offers of the plan `enterprise`: `make_offer("pro", amount_minor=9_900)`.

    A yearly subscription unless `type="one_off"` is given.
    """
    from billing.services.offers import offer_create

    def make(slug: str = "pro", **fields: Any):
        period = {} if fields.get("type") == "one_off" else {"interval": "year"}
        given = {"name": slug.title(), "plan": enterprise, "amount_minor": 9_900, **period}
        return offer_create(slug=slug, **{**given, **fields}, actor=ACTOR, at=at)

    return make


@pytest.fixture
def offer(make_offer):
    """A year of `enterprise` for 99 euro, as a subscription."""
    return make_offer()


@pytest.fixture
def one_off(make_offer):
    """A year of `enterprise` for 99 euro, once."""
    return make_offer("once", type="one_off")


@pytest.fixture
def make_coupon(db, at) -> Callable[..., Any]:
    """Return a maker of coupons: `make_coupon("SPRING", offers=[offer], percent_bps=2_000)`."""
    from billing.services.coupons import coupon_create

    def make(code: str = "WELCOME20", **fields: Any):
        given = {} if "discount" in fields else {"percent_bps": 2_000}
        return coupon_create(code=code, **{**given, **fields}, actor=ACTOR, at=at)

    return make


@pytest.fixture
def make_checkout(customer, at) -> Callable[..., Any]:
    """Return a maker of orders in any state, without Stripe: `make_checkout(offer, state="paid")`."""
    from datetime import timedelta

    from billing.models import Checkout
    from billing.selectors.catalogue import merchant_of

    def make(offer: Any, **fields: Any):
        given = {
            "merchant": merchant_of(offer), "account": customer, "currency": offer.currency, "amount_minor": 0,
            "managed_products": 1, "actor": ACTOR, "created_at": at, "expires_at": at + timedelta(minutes=30),
        }  # fmt: skip
        return Checkout.objects.create(offer=offer, **{**given, **fields})

    return make
