"""The closed lists of billing. Values are stored and spoken in the API; Stripe's words where Stripe has one."""

from __future__ import annotations

from enum import StrEnum


class OfferType(StrEnum):
    """What a buyer enters into."""

    SUBSCRIPTION = "subscription"
    ONE_OFF = "one_off"


class Pricing(StrEnum):
    """How an offer's price is found (E10)."""

    FIXED = "fixed"
    TIERED = "tiered"


class Interval(StrEnum):
    """The unit of a subscription's period, as Stripe names it."""

    MONTH = "month"
    YEAR = "year"


class Behavior(StrEnum):
    """What a coupon does at checkout (E12)."""

    PRODUCT_OVERRIDE = "product_override"
    STRIPE_PROMOTION = "stripe_promotion"


class Discount(StrEnum):
    """How a coupon lowers the price (C26)."""

    PERCENT = "percent"
    FIXED = "fixed"
    SET_PRICE = "set_price"
    FREE = "free"


class Duration(StrEnum):
    """For how many payments of a subscription a coupon counts, as Stripe names it."""

    ONCE = "once"
    REPEATING = "repeating"
    FOREVER = "forever"


class Purpose(StrEnum):
    """What a checkout pays for."""

    PURCHASE = "purchase"
    MAINTENANCE = "maintenance"
    TIER_CHANGE = "tier_change"


class CheckoutState(StrEnum):
    """An order on its way.

    reserved: units and coupon are held, Stripe has not been asked yet. open: the buyer has an address to pay
    at. processing: completed, the money is still on its way. paid, expired, failed: the end of it.
    """

    RESERVED = "reserved"
    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    EXPIRED = "expired"
    FAILED = "failed"


HOLDING = frozenset(
    {CheckoutState.RESERVED, CheckoutState.OPEN, CheckoutState.PROCESSING, CheckoutState.PAID}
)
"""The states in which a checkout holds its units and its coupon's slot."""


class RedemptionState(StrEnum):
    """A coupon's slot (C26)."""

    RESERVED = "reserved"
    REDEEMED = "redeemed"
    RELEASED = "released"


class PaymentState(StrEnum):
    """What became of money that arrived."""

    SETTLED = "settled"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    CHARGED_BACK = "charged_back"


GONE_BACK = frozenset({PaymentState.REFUNDED, PaymentState.CHARGED_BACK})
"""The states in which a payment gives nothing any more."""


class PaymentSource(StrEnum):
    """The object of Stripe's that was paid."""

    CHECKOUT = "checkout"
    INVOICE = "invoice"


class SubscriptionState(StrEnum):
    """A cycle of payments (C28)."""

    ACTIVE = "active"
    PAST_DUE = "past_due"
    LAPSED = "lapsed"
    CANCELLED = "cancelled"


class InboxState(StrEnum):
    """A webhook event of Stripe's on its way through the inbox.

    received: to be worked on. done: worked on. ignored: nothing of ours. parked: waits for a person.
    """

    RECEIVED = "received"
    DONE = "done"
    IGNORED = "ignored"
    PARKED = "parked"


class TierChangeState(StrEnum):
    """A change of plan (C29). reverted: it was applied, and its payment went back."""

    QUOTED = "quoted"
    AWAITING_PAYMENT = "awaiting_payment"
    SCHEDULED = "scheduled"
    APPLIED = "applied"
    CANCELLED = "cancelled"
    REVERTED = "reverted"


class MaintenanceMode(StrEnum):
    """How a perpetual license's maintenance goes on (E32)."""

    AUTO = "auto"
    MANUAL = "manual"
