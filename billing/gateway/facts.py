"""What leaves the gateway: plain facts of ours, in one shape whatever Stripe's object looked like.

Amounts are minor units, currencies lower-case, times aware UTC; an id that Stripe does not give is "".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LineFacts:
    """One line of a session or invoice. `amount_minor` is what it costs after discounts, before tax.

    `lookup_key` is the price's own, or the one its metadata remember after a newer price took the key over.
    """

    price: str
    product: str
    lookup_key: str
    quantity: int
    amount_minor: int
    period_start: datetime | None = None
    period_end: datetime | None = None
    proration: bool = False


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A checkout session. `status`: open, complete, expired; `payment_status`: paid, unpaid, no_payment_required."""

    id: str
    url: str
    mode: str
    status: str
    payment_status: str
    livemode: bool
    currency: str
    amount_total_minor: int
    amount_tax_minor: int
    customer: str
    customer_email: str
    customer_name: str
    subscription: str
    invoice: str
    payment_intent: str
    client_reference_id: str
    created: datetime
    expires_at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[LineFacts, ...] = ()

    @property
    def paid(self) -> bool:
        """Whether nothing more is to be paid for it (C27)."""
        return self.status == "complete" and self.payment_status in {"paid", "no_payment_required"}


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """An invoice. `metadata` is its subscription's where it has one."""

    id: str
    status: str
    livemode: bool
    billing_reason: str
    currency: str
    amount_paid_minor: int
    amount_due_minor: int
    tax_minor: int
    customer: str
    customer_email: str
    customer_name: str
    subscription: str
    payment_intent: str
    created: datetime
    paid_at: datetime | None
    metadata: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[LineFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class SubscriptionFacts:
    """A subscription, with the period of its first item."""

    id: str
    status: str
    livemode: bool
    customer: str
    currency: str
    item: str
    price: str
    lookup_key: str
    product: str
    quantity: int
    unit_amount_minor: int
    interval: str
    interval_count: int
    period_start: datetime | None
    period_end: datetime | None
    cancel_at_period_end: bool
    ended_at: datetime | None
    latest_invoice: str
    created: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChargeFacts:
    """A charge: one attempt to take money."""

    id: str
    status: str
    paid: bool
    amount_minor: int
    refunded_minor: int
    disputed: bool
    currency: str
    payment_intent: str
    receipt_url: str
    created: datetime


@dataclass(frozen=True, slots=True)
class IntentFacts:
    """A payment intent with its charges, the newest first."""

    id: str
    status: str
    livemode: bool
    currency: str
    amount_minor: int
    received_minor: int
    customer: str
    charges: tuple[ChargeFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class DisputeFacts:
    """A dispute. A status that begins with `warning_` is an inquiry: no money moved."""

    id: str
    status: str
    reason: str
    currency: str
    amount_minor: int
    charge: str
    payment_intent: str
    livemode: bool
    created: datetime

    @property
    def inquiry(self) -> bool:
        return self.status.startswith("warning_")


@dataclass(frozen=True, slots=True)
class EventFacts:
    """An event as Stripe lists it; `body` is its JSON, as a webhook would have carried it."""

    id: str
    type: str
    object_id: str
    api_version: str
    account: str
    livemode: bool
    created: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """A product at Stripe."""

    id: str
    name: str
    description: str
    active: bool
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PriceFacts:
    """A price at Stripe. `interval` is "" unless it recurs; `amount_minor` None when it has tiers."""

    id: str
    product: str
    lookup_key: str
    active: bool
    currency: str
    amount_minor: int | None
    interval: str
    interval_count: int
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CouponFacts:
    """A coupon at Stripe: percent or amount off, for so long."""

    id: str
    name: str
    percent_off: float | None
    amount_off_minor: int | None
    currency: str
    duration: str
    duration_months: int | None
    valid: bool
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PromotionCodeFacts:
    """A code that buyers type to get a coupon."""

    id: str
    code: str
    coupon: str
    active: bool
    expires_at: datetime | None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """A webhook endpoint. `secret` only when it was made a moment ago."""

    id: str
    url: str
    status: str
    enabled_events: frozenset[str]
    api_version: str
    secret: str = field(default="", repr=False)
