"""The License Operator's list of product keys (E6)."""

from __future__ import annotations

import pytest

PATH = "/authlance/license/product-keys"
TIERS = [{"up_to": None, "amount_minor": 700}]


@pytest.fixture
def told(viewer, enterprise):
    """What the list says of the one product: its type and its price mode."""

    def told() -> tuple[str, str]:
        (row,) = viewer.get(PATH).json()
        assert set(row) == {"productKey", "productType", "priceMode"}  # nothing of a key
        return row["productType"], row["priceMode"]

    return told


def test_what_nobody_sells_is_told_by_its_plans(told, make_plan):
    """E6: the list stands without a catalogue, too."""
    assert told() == ("one_off", "fixed")
    make_plan("monthly", recurring=True, period_days=30)
    assert told() == ("subscription", "fixed")


def test_offers_say_more_than_plans(told, make_plan, one_off):
    """E6: product type."""
    make_plan("monthly", recurring=True, period_days=30)
    assert told() == ("one_off", "fixed")


def test_one_subscription_among_the_offers_tells(told, one_off, make_offer):
    """E6: product type."""
    make_offer("yearly")
    assert told() == ("subscription", "fixed")


def test_one_tiered_price_among_the_offers_tells(told, one_off, make_offer):
    """E6: price mode."""
    make_offer("steps", type="one_off", pricing="tiered", tiers=TIERS)
    assert told() == ("one_off", "tiered")


def test_an_offer_that_is_closed_tells_nothing(told, make_offer):
    """E6."""
    make_offer("steps", pricing="tiered", tiers=TIERS, active=False)
    assert told() == ("one_off", "fixed")


def test_the_list_asks_for_a_credential(api, viewer, enterprise):
    assert api.get(PATH).status_code == 401
    assert viewer.get(PATH).json()[0]["productKey"] == enterprise.product.product_key
