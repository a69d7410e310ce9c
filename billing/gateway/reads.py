"""What we ask Stripe. Each function raises StripeUnavailable, StripeMissing or StripeRefused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from billing.gateway import shapes
from billing.gateway.client import asking, client_of, plain
from billing.gateway.errors import StripeMissing
from billing.gateway.facts import (
    ChargeFacts,
    DisputeFacts,
    EventFacts,
    IntentFacts,
    InvoiceFacts,
    PriceFacts,
    SessionFacts,
    SubscriptionFacts,
)
from billing.models import MerchantProfile

PAGE = 100


def named(stripe_id: str) -> str:
    """Raise StripeMissing for an id that is none: without one the SDK would ask for a list."""
    if not stripe_id or not stripe_id.isascii() or not stripe_id.replace("_", "").replace("-", "").isalnum():
        raise StripeMissing
    return stripe_id


def _all(page: Any) -> list[dict[str, Any]]:
    """Every row of a list, over as many pages as it has."""
    return [plain(row) for row in page.auto_paging_iter()]


def _session(client: Any, shape: dict[str, Any]) -> SessionFacts:
    """With all its lines: Stripe includes only the first ten."""
    lines = shape.get("line_items") or {}
    if lines.get("has_more"):
        rows = _all(client.v1.checkout.sessions.line_items.list(shape["id"], {"limit": PAGE}))
        shape = {**shape, "line_items": {"data": rows}}
    return shapes.session_of(shape)


def session_read(merchant: MerchantProfile, session_id: str) -> SessionFacts:
    """A checkout session with its lines."""
    client = client_of(merchant)
    with asking():
        answer = client.v1.checkout.sessions.retrieve(named(session_id), {"expand": ["line_items"]})
        return _session(client, plain(answer))


def sessions_of_subscription(merchant: MerchantProfile, subscription_id: str) -> list[SessionFacts]:
    """The sessions that began a subscription: one, or none when it began elsewhere."""
    return _sessions(merchant, subscription=named(subscription_id))


def sessions_of_intent(merchant: MerchantProfile, intent_id: str) -> list[SessionFacts]:
    """The sessions whose money a payment intent took."""
    return _sessions(merchant, payment_intent=named(intent_id))


def _sessions(merchant: MerchantProfile, **by: Any) -> list[SessionFacts]:
    client = client_of(merchant)
    query: Any = {**by, "limit": PAGE, "expand": ["data.line_items"]}
    with asking():
        page = client.v1.checkout.sessions.list(query)
        return [_session(client, row) for row in _all(page)]


def invoice_read(merchant: MerchantProfile, invoice_id: str) -> InvoiceFacts:
    """An invoice with its lines and the intent that paid it."""
    client = client_of(merchant)

    @cache
    def price(price_id: str) -> PriceFacts:
        return shapes.price_of(plain(client.v1.prices.retrieve(price_id)))

    with asking():
        shape = plain(client.v1.invoices.retrieve(named(invoice_id), {"expand": ["payments"]}))
        if (shape.get("lines") or {}).get("has_more"):
            shape["lines"] = {"data": _all(client.v1.invoices.line_items.list(shape["id"], {"limit": PAGE}))}
        return shapes.invoice_of(shape, price)


def invoices_of_intent(merchant: MerchantProfile, intent_id: str) -> list[str]:
    """Ids of the invoices that a payment intent paid: a charge no longer names its invoice."""
    payment: Any = {"type": "payment_intent", "payment_intent": named(intent_id)}
    with asking():
        page = client_of(merchant).v1.invoice_payments.list({"payment": payment, "limit": PAGE})
        return [shapes.ref(row.get("invoice")) for row in _all(page)]


def subscription_read(merchant: MerchantProfile, subscription_id: str) -> SubscriptionFacts:
    with asking():
        answer = client_of(merchant).v1.subscriptions.retrieve(named(subscription_id))
        return shapes.subscription_of(plain(answer))


def intent_read(merchant: MerchantProfile, intent_id: str) -> IntentFacts:
    """A payment intent with its charges, the newest first."""
    client = client_of(merchant)
    with asking():
        shape = plain(client.v1.payment_intents.retrieve(named(intent_id)))
        page = client.v1.charges.list({"payment_intent": shape["id"], "limit": PAGE})
        return shapes.intent_of(shape, [shapes.charge_of(row) for row in _all(page)])


def charge_read(merchant: MerchantProfile, charge_id: str) -> ChargeFacts:
    with asking():
        return shapes.charge_of(plain(client_of(merchant).v1.charges.retrieve(named(charge_id))))


def dispute_read(merchant: MerchantProfile, dispute_id: str) -> DisputeFacts:
    with asking():
        return shapes.dispute_of(plain(client_of(merchant).v1.disputes.retrieve(named(dispute_id))))


def account_read(merchant: MerchantProfile) -> str:
    """The id of the account that the key belongs to, as `acct_…`."""
    with asking():
        return str(client_of(merchant).v1.accounts.retrieve_current().id)


def price_by_lookup_key(merchant: MerchantProfile, lookup_key: str) -> PriceFacts | None:
    """The price that holds a lookup key now, active or not; None when there is none."""
    with asking():
        page = client_of(merchant).v1.prices.list({"lookup_keys": [lookup_key], "limit": 1})
        return next((shapes.price_of(plain(row)) for row in page.data), None)


def events_since(merchant: MerchantProfile, *, since: datetime, types: Sequence[str]) -> Iterator[EventFacts]:
    """Events from `since` on, the newest first, read page by page. Stripe lists those of 30 days."""
    created: Any = {"gte": int(since.timestamp())}
    with asking():
        page = client_of(merchant).v1.events.list({"created": created, "types": [*types], "limit": PAGE})
        for row in page.auto_paging_iter():
            yield shapes.event_of(plain(row))
