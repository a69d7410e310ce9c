"""The stand-in for Stripe is as strict as Stripe, and gives nothing that Stripe's library does not know."""

from __future__ import annotations

from importlib import import_module

import pytest
from stripe._object_classes import OBJECT_CLASSES

from billing import gateway
from billing.gateway import StripeRefused
from billing.models import MerchantProfile
from tests.stripe_double.shapes import VERSIONS

KINDS = (
    *("product", "price", "coupon", "promotion_code", "customer", "checkout.session", "payment_intent"),
    *("charge", "refund", "dispute", "subscription", "invoice", "invoice_payment"),
    *("billing_portal.session", "webhook_endpoint", "event"),
)


@pytest.fixture
def merchant(db):
    return MerchantProfile(slug="shop", name="Shop", is_default=True)


@pytest.fixture
def price(stripe, merchant):
    """99 euro a year, under the lookup key `pro`."""
    gateway.product_create(merchant, {"id": "pro", "name": "Pro"}, key="product")
    recurring = {"interval": "year"}
    return gateway.price_create(
        merchant,
        {
            "product": "pro",
            "currency": "eur",
            "unit_amount": 9_900,
            "recurring": recurring,
            "lookup_key": "pro",
        },
        key="price",
    )


def asked(price, **more):
    return {
        "mode": "subscription",
        "line_items": [{"price": price.id, "quantity": 1}],
        "success_url": "https://shop.example.com/thanks",
        **more,
    }


@pytest.fixture
def bought(stripe, merchant, price):
    """A subscription that was paid, refunded in part, disputed, renewed and cancelled."""
    session = gateway.session_create(merchant, asked(price), key="session")
    stripe.pay(session.id, email="buyer@acme.example", name="Ann Buyer")
    session = gateway.session_read(merchant, session.id)
    first = gateway.invoice_read(merchant, session.invoice)
    stripe.refund(first.payment_intent, amount=100)
    second = gateway.invoice_read(merchant, stripe.advance(session.subscription)["id"])
    dispute = stripe.dispute(second.payment_intent)
    stripe.close_dispute(dispute["id"], "won")
    stripe.advance(session.subscription, declined=True)
    stripe.cancel(session.subscription, now=True)
    gateway.portal_open(merchant, customer=session.customer, return_url="https://shop.example.com")
    gateway.coupon_create(merchant, {"id": "ten", "percent_off": 10}, key="coupon")
    gateway.promotion_code_create(
        merchant, {"code": "TEN", "promotion": {"type": "coupon", "coupon": "ten"}}, key="promotion"
    )
    gateway.endpoint_create(
        merchant, url="https://a.example.com", events=frozenset({"invoice.paid"}), description=""
    )
    return session


def strangers(value, where=""):
    """Names in an object that the class of Stripe's library for it does not have."""
    if isinstance(value, list):
        return [found for entry in value for found in strangers(entry, where)]
    if not isinstance(value, dict):
        return []
    kind = value.get("object")
    if isinstance(kind, str) and kind in OBJECT_CLASSES and kind != "list":
        module, name = OBJECT_CLASSES[kind]
        known = getattr(import_module(module), name)
        return _unknown(value, known, kind)
    return [found for name, child in value.items() for found in strangers(child, f"{where}.{name}")]


def _unknown(value, known, where):
    names = {
        name for kind in known.__mro__ for name in getattr(kind, "__annotations__", {}) if name.islower()
    }
    found = [f"{where}.{name}" for name in value if name not in names]
    inner = getattr(known, "_inner_class_types", {})
    for name, child in value.items():
        if name in inner and isinstance(child, dict):
            found += _unknown(child, inner[name], f"{where}.{name}")
        else:
            found += strangers(child, f"{where}.{name}")
    return found


def test_every_object_has_only_fields_that_stripes_library_has(stripe, bought):
    """E17: what we learn from the double is true of Stripe."""
    for kind in KINDS:
        rows = stripe.objects(kind)
        assert rows, kind
        assert strangers(rows) == []


def test_a_stranger_would_be_found():
    """E17: the test above can fail."""
    assert strangers({"object": "price", "unit_amuont": 1, "recurring": {"intervall": "year"}}) == [
        "price.unit_amuont",
        "price.recurring.intervall",
    ]


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"mode": "subscripton"}, "mode"),
        ({"sucess_url": "https://a.example.com"}, "sucess_url"),
        ({"line_items": [{"price": "x", "quantty": 1}]}, "line_items[0][quantty]"),
        ({"discounts": [{"promotion": "x"}]}, "discounts[0][promotion]"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"line_items": [{"price": "price_none", "quantity": 1}]}, "No such price"),
        ({"success_url": "shop"}, "Not a valid URL"),
        ({"metadata": {"n" * 41: "x"}}, "Metadata"),
        ({"customer": "cus_none"}, "No such customer"),
        ({"mode": "payment"}, "subscription"),
    ],
)
def test_a_request_that_stripe_would_refuse_is_refused(stripe, merchant, price, wrong, param):
    """E14: field names and types are those that Stripe publishes."""
    with pytest.raises(StripeRefused) as caught:
        gateway.session_create(merchant, asked(price, **wrong), key="k")
    assert param in caught.value.detail


def test_lists_come_in_pages(stripe, merchant, price):
    """E17: more rows than a page holds are all read."""
    for number in range(103):
        gateway.session_create(merchant, asked(price, client_reference_id=str(number)), key=f"k{number}")
    session = stripe.objects("checkout.session")[0]
    stripe.pay(session["id"])
    found = [
        *gateway.events_since(merchant, since=gateway.session_read(merchant, session["id"]).created, types=[])
    ]
    assert len({event.id for event in found}) == len(stripe.events())


def test_a_lookup_key_moves_to_a_newer_price_only_when_asked(stripe, merchant, price):
    """E33"""
    newer = {"product": "pro", "currency": "eur", "unit_amount": 100, "lookup_key": "pro"}
    with pytest.raises(StripeRefused, match="already uses that lookup key"):
        gateway.price_create(merchant, newer, key="a")
    moved = gateway.price_create(merchant, {**newer, "transfer_lookup_key": True}, key="b")
    assert gateway.price_by_lookup_key(merchant, "pro") == moved


@pytest.mark.parametrize("version", VERSIONS)
def test_events_come_in_the_shape_of_each_version(stripe, bought, version):
    """E17"""
    invoice = stripe.events("invoice.paid", version=version)[0]["data"]["object"]
    old = version in {"2024-06-20", "2020-08-27"}
    assert ("subscription" in invoice) is old
    assert ("parent" in invoice) is not old
    subscription = stripe.events("customer.subscription.created", version=version)[0]["data"]["object"]
    assert ("current_period_end" in subscription) is old
    charge = stripe.events("charge.succeeded", version=version)[0]["data"]["object"]
    assert ("invoice" in charge) is old


def test_a_thin_event_names_its_object_only(stripe, bought):
    """E17"""
    event = stripe.events("invoice.paid", version="thin")[0]
    assert event["object"] == "v2.core.event"
    assert event["related_object"]["id"].startswith("in_")
    assert "data" not in event
