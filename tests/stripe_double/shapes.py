"""Event bodies as older API versions shape them. Sources: Stripe's changelog, docs.stripe.com/changelog."""

from __future__ import annotations

import copy

from tests.stripe_double.store import API_VERSION, Shape, Store

VERSIONS = (API_VERSION, "2025-03-31.basil", "2024-06-20", "2020-08-27")
THIN = "thin"


def shaped(store: Store, event: Shape, version: str) -> Shape:
    """The body of an event in one of `VERSIONS`, or as a thin event. Raises KeyError for another."""
    if version == THIN:
        return thin(event)
    body = copy.deepcopy(event)
    body["api_version"] = version
    shape = body["data"]["object"]
    before_basil = VERSIONS.index(version) >= VERSIONS.index("2024-06-20")
    if before_basil and shape["object"] in OLDER:
        OLDER[shape["object"]](store, shape)
    if version == "2020-08-27" and shape["object"] in OLDEST:
        OLDEST[shape["object"]](store, shape)
    return body


def thin(event: Shape) -> Shape:
    """Only what happened to which object; the rest is to be fetched."""
    shape = event["data"]["object"]
    kind = shape["object"]
    plural = {"checkout.session": "checkout/sessions"}.get(kind, f"{kind.rpartition('.')[2]}s")
    return {
        "id": event["id"],
        "object": "v2.core.event",
        "type": f"v1.{event['type']}",
        "created": "2026-01-01T00:00:00.000Z",
        "livemode": event["livemode"],
        "context": None,
        "reason": None,
        "related_object": {"id": shape["id"], "type": kind, "url": f"/v1/{plural}/{shape['id']}"},
    }


def _invoice(store: Store, shape: Shape) -> None:
    """Until basil an invoice named its subscription, its intent and its charge itself."""
    details = (shape.pop("parent", None) or {}).get("subscription_details") or {}
    intent = _intent_of(store, shape["id"])
    charge = intent["latest_charge"] if intent else None
    shape |= {"subscription": details.get("subscription"), "payment_intent": intent and intent["id"]}
    shape |= {"charge": charge, "paid": shape["status"] == "paid", "tax": None}
    shape["subscription_details"] = {"metadata": details.get("metadata", {})}
    for line in shape["lines"]["data"]:
        item = (line.pop("parent", None) or {}).get("subscription_item_details") or {}
        price = (line.pop("pricing", None) or {}).get("price_details", {}).get("price")
        line |= {"price": store.shown(store.get("price", price)) if price else None, "type": "subscription"}
        line |= {"subscription": item.get("subscription"), "subscription_item": item.get("subscription_item")}
        line["proration"] = False


def _intent_of(store: Store, invoice: str) -> Shape | None:
    for payment in store.all("invoice_payment", invoice=invoice):
        return store.get("payment_intent", payment["payment"]["payment_intent"])
    return None


def _subscription(store: Store, shape: Shape) -> None:
    """Until basil the period stood on the subscription."""
    for item in shape["items"]["data"]:
        shape["current_period_start"] = item.pop("current_period_start")
        shape["current_period_end"] = item.pop("current_period_end")
    shape["discount"] = None


def _charge(store: Store, shape: Shape) -> None:
    """Until basil a charge named its invoice."""
    found = None
    for payment in store.all("invoice_payment"):
        if payment["payment"]["payment_intent"] == shape["payment_intent"]:
            found = payment["invoice"]
    shape["invoice"] = found


def _oldest_invoice(store: Store, shape: Shape) -> None:
    """The metadata of its subscription were not on an invoice, and a line had a plan."""
    shape.pop("subscription_details", None)
    for line in shape["lines"]["data"]:
        price = line["price"]
        if price and price["recurring"]:
            line["plan"] = {
                "id": price["id"],
                "object": "plan",
                "amount": price["unit_amount"],
                "currency": price["currency"],
                "interval": price["recurring"]["interval"],
                "interval_count": price["recurring"]["interval_count"],
                "product": price["product"],
            }


def _oldest_intent(store: Store, shape: Shape) -> None:
    """The charges were listed in the intent."""
    rows = [store.shown(charge) for charge in store.all("charge", payment_intent=shape["id"])]
    shape["charges"] = {"object": "list", "data": rows, "has_more": False, "url": "/v1/charges"}


def _oldest_session(store: Store, shape: Shape) -> None:
    """A session knew neither its invoice nor the name of its buyer."""
    for name in ("invoice", "customer_creation", "ui_mode", "invoice_creation", "created", "status"):
        shape.pop(name, None)
    if shape.get("customer_details"):
        shape["customer_details"].pop("name", None)


OLDER = {"invoice": _invoice, "subscription": _subscription, "charge": _charge}
OLDEST = {
    "invoice": _oldest_invoice,
    "payment_intent": _oldest_intent,
    "checkout.session": _oldest_session,
}
