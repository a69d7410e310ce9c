"""From Stripe's objects, as plain values in the pinned API version, to our facts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from billing.gateway.facts import (
    ChargeFacts,
    CouponFacts,
    DisputeFacts,
    EndpointFacts,
    EventFacts,
    IntentFacts,
    InvoiceFacts,
    LineFacts,
    PriceFacts,
    ProductFacts,
    PromotionCodeFacts,
    SessionFacts,
    SubscriptionFacts,
)

Shape = Mapping[str, Any]


def ref(value: Any) -> str:
    """The id of a reference, expanded or not; "" for none."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return str(value) if value else ""


def moment(value: Any) -> datetime | None:
    return datetime.fromtimestamp(int(value), UTC) if value else None


def instant(value: Any) -> datetime:
    return datetime.fromtimestamp(int(value), UTC)


def texts(value: Any) -> dict[str, str]:
    return {str(name): str(text) for name, text in (value or {}).items()}


def inner(shape: Any, *path: str) -> Any:
    """What stands at a path; None where the path ends early."""
    for name in path:
        if not isinstance(shape, Mapping):
            return None
        shape = shape.get(name)
    return shape


def listed(value: Any) -> list[Any]:
    return list((value or {}).get("data") or [])


def price_of(shape: Shape) -> PriceFacts:
    recurring = shape.get("recurring") or {}
    return PriceFacts(
        id=shape["id"],
        product=ref(shape.get("product")),
        lookup_key=shape.get("lookup_key") or texts(shape.get("metadata")).get("lookup_key", ""),
        active=bool(shape.get("active")),
        currency=shape.get("currency") or "",
        amount_minor=shape.get("unit_amount"),
        interval=recurring.get("interval") or "",
        interval_count=recurring.get("interval_count") or 1,
        metadata=texts(shape.get("metadata")),
    )


def session_line_of(shape: Shape) -> LineFacts:
    price = price_of(shape["price"]) if shape.get("price") else None
    return LineFacts(
        price=price.id if price else "",
        product=price.product if price else "",
        lookup_key=price.lookup_key if price else "",
        quantity=shape.get("quantity") or 0,
        amount_minor=(shape.get("amount_total") or 0) - (shape.get("amount_tax") or 0),
    )


def session_of(shape: Shape) -> SessionFacts:
    details = shape.get("customer_details") or {}
    return SessionFacts(
        id=shape["id"],
        url=shape.get("url") or "",
        mode=shape.get("mode") or "",
        status=shape.get("status") or "",
        payment_status=shape.get("payment_status") or "",
        livemode=bool(shape.get("livemode")),
        currency=shape.get("currency") or "",
        amount_total_minor=shape.get("amount_total") or 0,
        amount_tax_minor=inner(shape, "total_details", "amount_tax") or 0,
        customer=ref(shape.get("customer")),
        customer_email=details.get("email") or shape.get("customer_email") or "",
        customer_name=details.get("name") or "",
        subscription=ref(shape.get("subscription")),
        invoice=ref(shape.get("invoice")),
        payment_intent=ref(shape.get("payment_intent")),
        client_reference_id=shape.get("client_reference_id") or "",
        created=instant(shape["created"]),
        expires_at=instant(shape["expires_at"]),
        metadata=texts(shape.get("metadata")),
        lines=tuple(session_line_of(line) for line in listed(shape.get("line_items"))),
    )


def invoice_line_of(shape: Shape, price_read: Callable[[str], PriceFacts]) -> LineFacts:
    price = ref(inner(shape, "pricing", "price_details", "price"))
    facts = price_read(price) if price else None
    discount = sum(entry.get("amount") or 0 for entry in shape.get("discount_amounts") or [])
    parent = shape.get("parent") or {}
    return LineFacts(
        price=price,
        product=ref(inner(shape, "pricing", "price_details", "product")),
        lookup_key=facts.lookup_key if facts else "",
        quantity=shape.get("quantity") or 0,
        amount_minor=(shape.get("amount") or 0) - discount,
        period_start=moment(inner(shape, "period", "start")),
        period_end=moment(inner(shape, "period", "end")),
        proration=bool((parent.get(parent.get("type") or "") or {}).get("proration")),
    )


def invoice_of(shape: Shape, price_read: Callable[[str], PriceFacts]) -> InvoiceFacts:
    """`price_read` gives a price by its id: a line only names it, too deep down to be expanded."""
    subscription = inner(shape, "parent", "subscription_details") or {}
    payments = [inner(entry, "payment", "payment_intent") for entry in listed(shape.get("payments"))]
    return InvoiceFacts(
        id=shape["id"],
        status=shape.get("status") or "",
        livemode=bool(shape.get("livemode")),
        billing_reason=shape.get("billing_reason") or "",
        currency=shape.get("currency") or "",
        amount_paid_minor=shape.get("amount_paid") or 0,
        amount_due_minor=shape.get("amount_due") or 0,
        tax_minor=sum(entry.get("amount") or 0 for entry in shape.get("total_taxes") or []),
        customer=ref(shape.get("customer")),
        customer_email=shape.get("customer_email") or "",
        customer_name=shape.get("customer_name") or "",
        subscription=ref(subscription.get("subscription")),
        payment_intent=next((ref(intent) for intent in payments if intent), ""),
        created=instant(shape["created"]),
        paid_at=moment(inner(shape, "status_transitions", "paid_at")),
        metadata=texts(subscription.get("metadata")) or texts(shape.get("metadata")),
        lines=tuple(invoice_line_of(line, price_read) for line in listed(shape.get("lines"))),
    )


def subscription_of(shape: Shape) -> SubscriptionFacts:
    item: Shape = next(iter(listed(shape.get("items"))), {})
    price = price_of(item["price"]) if item.get("price") else None
    return SubscriptionFacts(
        id=shape["id"],
        status=shape.get("status") or "",
        livemode=bool(shape.get("livemode")),
        customer=ref(shape.get("customer")),
        currency=shape.get("currency") or "",
        item=item.get("id") or "",
        price=price.id if price else "",
        lookup_key=price.lookup_key if price else "",
        product=price.product if price else "",
        quantity=item.get("quantity") or 1,
        unit_amount_minor=(price.amount_minor if price else 0) or 0,
        interval=price.interval if price else "",
        interval_count=price.interval_count if price else 1,
        period_start=moment(item.get("current_period_start")),
        period_end=moment(item.get("current_period_end")),
        cancel_at_period_end=bool(shape.get("cancel_at_period_end") or shape.get("cancel_at")),
        ended_at=moment(shape.get("ended_at")),
        latest_invoice=ref(shape.get("latest_invoice")),
        created=instant(shape["created"]),
        metadata=texts(shape.get("metadata")),
    )


def charge_of(shape: Shape) -> ChargeFacts:
    return ChargeFacts(
        id=shape["id"],
        status=shape.get("status") or "",
        paid=bool(shape.get("paid")),
        amount_minor=shape.get("amount") or 0,
        refunded_minor=shape.get("amount_refunded") or 0,
        disputed=bool(shape.get("disputed")),
        currency=shape.get("currency") or "",
        payment_intent=ref(shape.get("payment_intent")),
        receipt_url=shape.get("receipt_url") or "",
        created=instant(shape["created"]),
    )


def intent_of(shape: Shape, charges: list[ChargeFacts]) -> IntentFacts:
    return IntentFacts(
        id=shape["id"],
        status=shape.get("status") or "",
        livemode=bool(shape.get("livemode")),
        currency=shape.get("currency") or "",
        amount_minor=shape.get("amount") or 0,
        received_minor=shape.get("amount_received") or 0,
        customer=ref(shape.get("customer")),
        charges=tuple(charges),
    )


def dispute_of(shape: Shape) -> DisputeFacts:
    return DisputeFacts(
        id=shape["id"],
        status=shape.get("status") or "",
        reason=shape.get("reason") or "",
        currency=shape.get("currency") or "",
        amount_minor=shape.get("amount") or 0,
        charge=ref(shape.get("charge")),
        payment_intent=ref(shape.get("payment_intent")),
        livemode=bool(shape.get("livemode")),
        created=instant(shape["created"]),
    )


def event_of(shape: Shape) -> EventFacts:
    return EventFacts(
        id=shape["id"],
        type=shape.get("type") or "",
        object_id=ref(inner(shape, "data", "object", "id")),
        api_version=shape.get("api_version") or "",
        account=shape.get("account") or "",
        livemode=bool(shape.get("livemode")),
        created=instant(shape["created"]),
        body=json.dumps(shape, separators=(",", ":")).encode(),
    )


def product_of(shape: Shape) -> ProductFacts:
    return ProductFacts(
        id=shape["id"],
        name=shape.get("name") or "",
        description=shape.get("description") or "",
        active=bool(shape.get("active")),
        metadata=texts(shape.get("metadata")),
    )


def coupon_of(shape: Shape) -> CouponFacts:
    return CouponFacts(
        id=shape["id"],
        name=shape.get("name") or "",
        percent_off=shape.get("percent_off"),
        amount_off_minor=shape.get("amount_off"),
        currency=shape.get("currency") or "",
        duration=shape.get("duration") or "",
        duration_months=shape.get("duration_in_months"),
        valid=bool(shape.get("valid")),
        metadata=texts(shape.get("metadata")),
    )


def promotion_code_of(shape: Shape) -> PromotionCodeFacts:
    return PromotionCodeFacts(
        id=shape["id"],
        code=shape.get("code") or "",
        coupon=ref(inner(shape, "promotion", "coupon")),
        active=bool(shape.get("active")),
        expires_at=moment(shape.get("expires_at")),
        metadata=texts(shape.get("metadata")),
    )


def endpoint_of(shape: Shape) -> EndpointFacts:
    return EndpointFacts(
        id=shape["id"],
        url=shape.get("url") or "",
        status=shape.get("status") or "",
        enabled_events=frozenset(shape.get("enabled_events") or []),
        api_version=shape.get("api_version") or "",
        secret=shape.get("secret") or "",
    )
