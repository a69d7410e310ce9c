"""The one door to Stripe. Only its `client` imports `stripe`; what leaves are plain facts of ours.

Every read gives one shape, because our own calls pin the API version, whatever shape a webhook event had. No
database transaction may be open while one of these runs. Every function takes the merchant profile whose
account it speaks for. Source: docs.stripe.com/api.
"""

from __future__ import annotations

from billing.gateway.catalogue import (
    coupon_create,
    coupon_read,
    endpoint_create,
    endpoint_update,
    endpoints_list,
    price_create,
    price_update,
    product_create,
    product_read,
    product_update,
    promotion_code_create,
    promotion_code_read,
    promotion_code_switch,
)
from billing.gateway.client import API_VERSION, key_of, secrets_of
from billing.gateway.errors import StripeMissing, StripeRefused, StripeUnavailable
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
from billing.gateway.reads import (
    account_read,
    charge_read,
    dispute_read,
    events_since,
    intent_read,
    invoice_read,
    invoices_of_intent,
    price_by_lookup_key,
    session_read,
    sessions_of_intent,
    sessions_of_subscription,
    subscription_read,
)
from billing.gateway.signatures import SignatureInvalid, webhook_verify
from billing.gateway.writes import (
    portal_open,
    session_create,
    session_expire,
    subscription_change,
    subscription_end,
)

__all__ = [
    "API_VERSION",
    "ChargeFacts",
    "CouponFacts",
    "DisputeFacts",
    "EndpointFacts",
    "EventFacts",
    "IntentFacts",
    "InvoiceFacts",
    "LineFacts",
    "PriceFacts",
    "ProductFacts",
    "PromotionCodeFacts",
    "SessionFacts",
    "SignatureInvalid",
    "StripeMissing",
    "StripeRefused",
    "StripeUnavailable",
    "SubscriptionFacts",
    "account_read",
    "charge_read",
    "coupon_create",
    "coupon_read",
    "dispute_read",
    "endpoint_create",
    "endpoint_update",
    "endpoints_list",
    "events_since",
    "intent_read",
    "invoice_read",
    "invoices_of_intent",
    "key_of",
    "portal_open",
    "price_by_lookup_key",
    "price_create",
    "price_update",
    "product_create",
    "product_read",
    "product_update",
    "promotion_code_create",
    "promotion_code_read",
    "promotion_code_switch",
    "secrets_of",
    "session_create",
    "session_expire",
    "session_read",
    "sessions_of_intent",
    "sessions_of_subscription",
    "subscription_change",
    "subscription_end",
    "subscription_read",
    "webhook_verify",
]
