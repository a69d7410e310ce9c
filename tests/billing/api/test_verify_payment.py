"""Verify-payment: every part, and a clear verdict, with a Stripe that answers or does not (E31)."""

from __future__ import annotations

import pytest

from billing import gateway
from tests.billing.money import *  # noqa: F403 - payments to verify

pytestmark = pytest.mark.django_db
PATHS = (
    "/api/v1/verify-payment/",
    "/authlance/license/payments/api/v1/verify-payment/",
    "/licenseoperator/verify-payment/",
)


@pytest.fixture
def reader(api, internal_token):
    return api.as_(internal_token(scope="payments:read", roles=["sysadmin"]))


@pytest.fixture
def paid(stripe, merchant, buy):
    """A license that was bought for 99 euro a year, at Stripe as in our rows."""
    gateway.product_create(merchant, {"id": "pro", "name": "Pro"}, key="product")
    price = gateway.price_create(
        merchant,
        {"product": "pro", "currency": "eur", "unit_amount": 9_900, "recurring": {"interval": "year"}, "lookup_key": "pro"},  # noqa: E501 - one price
        key="price",
    )  # fmt: skip
    session = gateway.session_create(
        merchant,
        {"mode": "subscription", "line_items": [{"price": price.id, "quantity": 1}], "success_url": "https://shop.example.com/"},
        key="session",
    )  # fmt: skip
    stripe.pay(session.id, email="ada@acme.example", name="Ada Lovelace")
    session = gateway.session_read(merchant, session.id)
    invoice = gateway.invoice_read(merchant, session.invoice)
    bought = buy(
        invoice_ref=invoice.id, intent_ref=invoice.payment_intent, amount_minor=9_900, expected_minor=9_900,
        livemode=session.livemode, customer_ref=session.customer,
    )  # fmt: skip
    bought.invoice = invoice
    return bought


def verify(reader, license_, path=PATHS[0]):
    answer = reader.get(path + license_.public_id)
    assert answer.status_code == 200, answer.content
    return answer.json()


def change(payment, **fields):
    for name, value in fields.items():
        setattr(payment, name, value)
    payment.save()


def test_a_payment_that_stripe_confirms_is_verified_with_every_part(reader, paid):
    """E31: license, product, invoice, payment intent with charges, recorded payment."""
    found = verify(reader, paid.license)
    assert (found["verdict"], found["reasons"]) == ("verified", [])
    assert found["license"]["id"] == paid.license.public_id
    assert found["product"] == {"product_key": "demo", "name": "Demo"}
    assert (found["invoice"]["id"], found["invoice"]["status"]) == (paid.invoice.id, "paid")
    assert found["payment_intent"]["id"] == paid.payment.intent_ref
    (charge,) = found["payment_intent"]["charges"]
    assert (charge["amount_minor"], charge["paid"]) == (9_900, True)
    assert found["payment"]["id"] == str(paid.payment.uid)
    assert [row["id"] for row in found["payments"]] == [str(paid.payment.uid)]


def test_the_alias_and_the_path_of_the_license_operator_answer_the_same(reader, paid):
    """E31: `/licenseoperator/verify-payment/{licenseId}` is the same."""
    ours = verify(reader, paid.license)
    for path in PATHS[1:]:
        theirs = verify(reader, paid.license, path)
        assert theirs["verdict"] == "verified"
        assert theirs["paymentIntent"]["charges"][0]["amountMinor"] == 9_900
        assert theirs["payment"]["id"] == ours["payment"]["id"]


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_license_is_404(reader, path):
    """E31."""
    assert reader.get(path + "L-" + "A" * 26).status_code == 404
    assert reader.get(path + "nothing").status_code == 404


def test_a_license_without_payment_says_so(reader, make_license):
    """E31: 200 with an explicit verdict."""
    found = verify(reader, make_license())
    assert (found["verdict"], found["payment"], found["payments"]) == ("no_payment", None, [])


def test_an_amount_that_differs_is_a_mismatch(reader, paid):
    change(paid.payment, amount_minor=1)
    found = verify(reader, paid.license)
    assert (found["verdict"], [reason["code"] for reason in found["reasons"]]) == (
        "mismatch",
        ["amount_differs"],
    )


@pytest.mark.parametrize(
    ("amount", "state", "verdict"),
    [(None, "refunded", "refunded"), (1_000, "partially_refunded", "partially_refunded")],
)
def test_money_that_went_back_is_said(reader, paid, stripe, amount, state, verdict):
    """E31: the refund as Stripe has it."""
    stripe.refund(paid.payment.intent_ref, amount=amount)
    assert verify(reader, paid.license)["reasons"][0]["code"] == "refund_differs"
    change(paid.payment, state=state, refunded_minor=amount or 9_900)
    assert verify(reader, paid.license)["verdict"] == verdict


def test_what_stripe_does_not_know_is_a_mismatch(reader, paid):
    change(paid.payment, intent_ref="pi_forged", invoice_ref="")
    found = verify(reader, paid.license)
    assert (found["verdict"], found["reasons"][0]["code"]) == ("mismatch", "missing_at_stripe")
    assert found["payment"]["payment_intent"] == "pi_forged"


def test_while_stripe_does_not_answer_it_is_unverified(reader, paid, settings):
    """Stripe away: 200, what we recorded, and why it is not verified."""
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    found = verify(reader, paid.license)
    assert (found["verdict"], found["reasons"][0]["code"]) == ("unverified", "stripe_unavailable")
    assert found["payment"]["id"] == str(paid.payment.uid)
    assert (found["invoice"], found["payment_intent"]) == (None, None)


def test_another_groups_license_is_as_good_as_unknown(api, internal_token, paid):
    """E28: scope and group."""
    stranger = api.as_(internal_token(scope="payments:read", groups=["globex"]))
    for path in PATHS:
        assert stranger.get(path + paid.license.public_id).status_code == 404
        assert (
            api.as_(internal_token(scope="licenses:read", groups=["acme"]))
            .get(path + paid.license.public_id)
            .status_code
            == 403
        )
