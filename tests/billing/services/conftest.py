"""A shop with its Stripe, and trials that a purchase may convert."""

from __future__ import annotations

from typing import Any

import pytest

from tests.billing.buying import BACK, shop  # noqa: F401 - a fixture
from tests.stripe_double.fixtures import stripe, stripe_address  # noqa: F401 - fixtures
from tests.trials.conftest import ask, make_program, program, running  # noqa: F401 - fixtures


@pytest.fixture
def link(shop):  # noqa: F811 - the fixture above
    """Return a maker of paid sessions that were not opened by us, as payment links make them."""
    from billing import gateway
    from billing.selectors.catalogue import merchant_of

    def make(offer: Any, *, lookup_key: str = "", client_reference_id: str = "", **metadata: str) -> Any:
        key, merchant = lookup_key or offer.lookup_key, merchant_of(offer)
        price = gateway.price_by_lookup_key(merchant, key)
        if price is None:
            product = gateway.product_create(merchant, {"name": key}, key=f"product-{key}")
            wanted = {
                "product": product.id, "currency": offer.currency, "unit_amount": offer.amount_minor,
                "lookup_key": key,
            }  # fmt: skip
            price = gateway.price_create(merchant, wanted, key=f"price-{key}")
        params = {
            "mode": "payment", "line_items": [{"price": price.id, "quantity": 1}], "metadata": metadata,
            "customer_creation": "always", **BACK,
        }  # fmt: skip
        if client_reference_id:
            params["client_reference_id"] = client_reference_id
        number = len(shop.stripe.objects("checkout.session"))
        session = gateway.session_create(merchant, params, key=f"link-{number}")
        return shop.stripe.pay(session.id, email="buyer@initech.example", name="Ada Buyer")

    return make
