"""Payments as settling leaves them: an offer, a paid row, its fulfilments, licenses issued by the webhook."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

ACTOR = "system:stripe"
_numbers = itertools.count(1)


@pytest.fixture
def merchant(db):
    """The default profile, as every installation has one."""
    from billing.models import MerchantProfile

    return MerchantProfile.objects.get_or_create(
        is_default=True, defaults={"slug": "default", "name": "Default"}
    )[0]


@pytest.fixture
def make_offer(merchant, enterprise) -> Callable[..., Any]:
    """Return a maker of offers: `make_offer("relay", type="one_off", interval="")`; a yearly one by default."""
    from billing.models import Offer

    def make(slug: str = "enterprise-yearly", **fields: Any):
        given = {
            "name": slug.replace("-", " ").title(),
            "lookup_key": slug,
            "plan": enterprise,
            "type": "subscription",
            "interval": "year",
            "amount_minor": 12_000,
        }
        return Offer.objects.get_or_create(slug=slug, defaults={**given, **fields})[0]

    return make


@pytest.fixture
def make_subscription(make_offer, merchant, customer, at) -> Callable[..., Any]:
    """Return a maker of subscriptions; a yearly one of 120.00 by default."""
    from billing.models import Subscription

    def make(**fields: Any):
        number = next(_numbers)
        given = {
            "merchant": merchant,
            "stripe_id": f"sub_{number}",
            "customer_ref": f"cus_{number}",
            "account": customer,
            "offer": fields.pop("offer", None) or make_offer(),
            "currency": "eur",
            "amount_minor": 12_000,
            "interval": "year",
            "period_start": at,
            "period_end": at + timedelta(days=365),
            "started_at": at,
            "stripe_status": "active",
        }
        return Subscription.objects.create(**{**given, **fields})

    return make


@pytest.fixture
def make_payment(make_offer, merchant, customer, at) -> Callable[..., Any]:
    """Return a maker of payments: `make_payment(amount_minor=500, currency="usd")`; nothing is issued for them."""
    from billing.models import Checkout, Payment

    def make(*, licenses: tuple[Any, ...] = (), session: bool = True, **fields: Any):
        from billing.models import Fulfilment

        number = next(_numbers)
        offer = fields.pop("offer", None) or make_offer()
        account = fields.pop("account", None) or customer
        paid_at = fields.get("paid_at", at)
        checkout = None
        if session:
            checkout = Checkout.objects.create(
                merchant=merchant, offer=offer, account=account, currency="eur", amount_minor=12_000,
                state="paid", session_id=f"cs_test_{number}", email="ada@acme.example", actor=ACTOR,
                created_at=paid_at, expires_at=paid_at, ended_at=paid_at,
            )  # fmt: skip
        given = {
            "merchant": merchant,
            "source": "checkout" if session else "invoice",
            "reference": checkout.session_id if checkout else f"in_{number}",
            "checkout": checkout,
            "account": account,
            "offer": offer,
            "customer_ref": f"cus_{number}",
            "customer_name": "Ada Lovelace",
            "customer_email": "ada@acme.example",
            "invoice_ref": f"in_{number}",
            "intent_ref": f"pi_{number}",
            "currency": "eur",
            "amount_minor": 12_000,
            "expected_minor": 12_000,
            "paid_at": paid_at,
            "recorded_at": paid_at,
        }
        payment = Payment.objects.create(**{**given, **fields})
        for position, item in enumerate(licenses):
            issuance = getattr(item, "issuance", None)
            Fulfilment.objects.create(
                payment=payment, position=position, created_at=paid_at,
                license=issuance.license if issuance else item, issuance=issuance,
            )  # fmt: skip
        return payment

    return make


@pytest.fixture
def buy(make_license, issue, make_payment) -> Callable[..., Any]:
    """Return a buyer: a license, issued by the webhook, and its payment: `.license`, `.issued`, `.payment`."""
    from types import SimpleNamespace

    def make(
        *, written: str | None = None, channel: str = "webhook", persist: bool | None = None, **fields: Any
    ):
        row = make_license(**fields.pop("license", {}))
        issued = issue(row, channel=channel, format=written, persist=persist)
        payment = make_payment(licenses=(issued,), **fields)
        return SimpleNamespace(license=row, issued=issued, payment=payment)

    return make
