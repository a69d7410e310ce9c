"""A storefront of a group, and what it asks for. Import it into a test module beside `stripe`."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.conftest import Api

URL = "/api/v1/checkout-session"
OPERATOR = "/authlance/license/payments/api/v1"
RETURN = "https://shop.example.com/thanks?session={CHECKOUT_SESSION_ID}"


class Dashboard(Api):
    """Speaks for a group, each time with a fresh token: they live for minutes, and tests for years."""

    def __init__(self, make: Any, group: str) -> None:
        self.make, self.group = make, group
        self.client = Client(raise_request_exception=False)

    @property
    def token(self) -> str:
        return self.make(scope="checkout:create", groups=[self.group])


@pytest.fixture
def shop(db, internal_token, customer):
    """The dashboard, speaking for the group `acme`."""
    return Dashboard(internal_token, customer.slug)


@pytest.fixture
def stranger(db, internal_token, prospect):
    """The dashboard, speaking for another group."""
    return Dashboard(internal_token, prospect.slug)


@pytest.fixture
def merchant(db, at):
    """The default profile, with a host that buyers may be sent back to."""
    from billing.selectors.catalogue import default_merchant
    from billing.services.merchants import merchant_default_ensure

    merchant_default_ensure()
    row = default_merchant()
    row.redirect_hosts = ["shop.example.com"]
    row.save()
    return row


def state_of(uid: Any) -> tuple[str, str | None]:
    """The state of an order and of the slot of its coupon."""
    from billing.models import Checkout, Redemption

    row = Checkout.objects.get(uid=uid)
    slot = Redemption.objects.filter(checkout=row).first()
    return row.state, slot and slot.state
