"""What we have Stripe do for buyers. `key` is the idempotency key; errors as in `reads`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billing.gateway import shapes
from billing.gateway.client import asking, client_of, plain
from billing.gateway.facts import SessionFacts, SubscriptionFacts
from billing.gateway.reads import named
from billing.models import MerchantProfile


def session_create(merchant: MerchantProfile, params: Mapping[str, Any], *, key: str) -> SessionFacts:
    """Open a hosted checkout. `params` in Stripe's own names; the same key and params give the same session."""
    body: Any = {**params, "expand": ["line_items"]}
    with asking():
        answer = client_of(merchant).v1.checkout.sessions.create(body, {"idempotency_key": key})
        return shapes.session_of(plain(answer))


def session_expire(merchant: MerchantProfile, session_id: str) -> SessionFacts:
    """Close an open session. Raises StripeRefused when it is complete or expired already."""
    with asking():
        answer = client_of(merchant).v1.checkout.sessions.expire(
            named(session_id), {"expand": ["line_items"]}
        )
        return shapes.session_of(plain(answer))


def subscription_change(
    merchant: MerchantProfile,
    subscription_id: str,
    *,
    item: str,
    price: str | Mapping[str, Any],
    key: str,
    quantity: int = 1,
    metadata: Mapping[str, str] | None = None,
) -> SubscriptionFacts:
    """Give an item another price from its next cycle on, without proration: we have settled that ourselves.

    `price` is a price's id, or `price_data` in Stripe's names. `metadata` is merged into that of the
    subscription.
    """
    priced = {"price": price} if isinstance(price, str) else {"price_data": dict(price)}
    body: Any = {"items": [{"id": item, "quantity": quantity, **priced}], "proration_behavior": "none"}
    if metadata:
        body["metadata"] = dict(metadata)
    with asking():
        client = client_of(merchant)
        answer = client.v1.subscriptions.update(named(subscription_id), body, {"idempotency_key": key})
        return shapes.subscription_of(plain(answer))


def subscription_end(merchant: MerchantProfile, subscription_id: str, *, key: str) -> SubscriptionFacts:
    """Have a subscription end at once. Stripe then stops collecting its open invoices by itself, too."""
    with asking():
        answer = client_of(merchant).v1.subscriptions.cancel(
            named(subscription_id), {}, {"idempotency_key": key}
        )
        return shapes.subscription_of(plain(answer))


def portal_open(merchant: MerchantProfile, *, customer: str, return_url: str) -> str:
    """The address of a customer portal for one customer."""
    with asking():
        answer = client_of(merchant).v1.billing_portal.sessions.create(
            {"customer": named(customer), "return_url": return_url}
        )
        return str(answer.url)
