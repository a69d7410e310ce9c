"""Subscriptions and their invoices, cycle by cycle."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta

from tests.stripe_double import catalogue, money
from tests.stripe_double.refusals import Refused, invalid
from tests.stripe_double.store import Shape, Store, merged, unknown

LIVING = {"active", "past_due", "trialing", "incomplete", "unpaid"}


def period_end(stamp: int, recurring: Shape, count: int = 1) -> int:
    """The same day so many periods on, or the last of a shorter month."""
    moment = datetime.fromtimestamp(stamp, UTC)
    steps = recurring["interval_count"] * count
    if recurring["interval"] in {"day", "week"}:
        return int(
            (moment + timedelta(days=steps * (7 if recurring["interval"] == "week" else 1))).timestamp()
        )
    months = moment.month - 1 + steps * (12 if recurring["interval"] == "year" else 1)
    year, month = moment.year + months // 12, months % 12 + 1
    return int(
        moment.replace(year=year, month=month, day=min(moment.day, monthrange(year, month)[1])).timestamp()
    )


def subscription_start(store: Store, session: Shape, buyer: Shape, *, later: bool) -> Shape:
    """What a completed session in subscription mode leaves: a subscription and its first invoice."""
    given = session["_given"].get("subscription_data", {})
    now = store.clock.now()
    lines = session["_line_items"]["data"]
    subscription = store.add("sub", "subscription", _subscription(session, given, now))
    subscription["items"]["data"] = [
        _item(store, subscription, store.get("price", line["_price"]), line["quantity"], now)
        for line in lines
        if store.get("price", line["_price"])["recurring"]
    ]
    store.emit("customer.subscription.created", subscription)
    invoice = invoice_make(store, subscription, "subscription_create")
    session |= {"subscription": subscription["id"], "invoice": invoice["id"]}
    if later:
        subscription["status"] = "active"
        store.emit("customer.subscription.updated", subscription, {"status": "incomplete"})
        return subscription
    invoice_pay(store, invoice, buyer)
    session["payment_status"] = "paid" if invoice["amount_paid"] else "no_payment_required"
    return subscription


def _subscription(session: Shape, given: Shape, now: int) -> Shape:
    return {
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": now,
        "billing_mode": {"type": "flexible"},
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "currency": session["currency"],
        "customer": session["customer"],
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": given.get("description"),
        "discounts": [],
        "ended_at": None,
        "items": {"object": "list", "data": [], "has_more": False, "url": "/v1/subscription_items"},
        "latest_invoice": None,
        "metadata": dict(given.get("metadata", {})),
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": now,
        "status": "incomplete",
        "test_clock": None,
        "trial_end": None,
        "trial_start": None,
        "_coupon": session["_coupon"],
        "_cycles": 0,
    }


def _item(store: Store, subscription: Shape, price: Shape, quantity: int, start: int) -> Shape:
    return {
        "id": store.new_id("si"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": store.clock.now(),
        "current_period_start": start,
        "current_period_end": period_end(start, price["recurring"]),
        "discounts": [],
        "metadata": {},
        "_price": price["id"],
        "quantity": quantity,
        "subscription": subscription["id"],
        "tax_rates": [],
    }


def _coupon_now(store: Store, subscription: Shape, start: int) -> Shape | None:
    """The coupon that still counts for the cycle that begins at `start`."""
    coupon = store.find(subscription["_coupon"] or "")
    if coupon is None or coupon["duration"] == "forever":
        return coupon
    if coupon["duration"] == "once":
        return coupon if subscription["_cycles"] == 0 else None
    month = {"interval": "month", "interval_count": 1}
    end = period_end(subscription["start_date"], month, coupon["duration_in_months"])
    return coupon if start < end else None


def invoice_make(store: Store, subscription: Shape, reason: str) -> Shape:
    """A finalized, open invoice for the present cycle."""
    items = subscription["items"]["data"]
    start = items[0]["current_period_start"]
    coupon = _coupon_now(store, subscription, start)
    amounts = [store.get("price", item["_price"])["unit_amount"] * item["quantity"] for item in items]
    left = catalogue.discount_of(coupon, sum(amounts))
    lines = []
    for item, amount in zip(items, amounts, strict=True):
        part = min(left, amount)
        left -= part
        lines.append(_invoice_line(store, subscription, item, amount, part))
    subscription["_cycles"] += 1
    invoice = store.add("in", "invoice", _invoice(store, subscription, lines, reason))
    for line in lines:
        line["invoice"] = invoice["id"]
    invoice["lines"]["url"] = f"/v1/invoices/{invoice['id']}/lines"
    invoice["number"] = f"DOUBLE-{len(store.tables['invoice']):04}"
    subscription["latest_invoice"] = invoice["id"]
    store.emit("invoice.created", invoice)
    store.emit("invoice.finalized", invoice)
    return invoice


def _invoice_line(store: Store, subscription: Shape, item: Shape, amount: int, discount: int) -> Shape:
    price = store.get("price", item["_price"])
    return {
        "id": store.new_id("il"),
        "object": "line_item",
        "amount": amount,
        "currency": price["currency"],
        "description": f"{item['quantity']} x {store.get('product', price['product'])['name']}",
        "discount_amounts": [{"amount": discount, "discount": store.new_id("di")}] if discount else [],
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": store.livemode,
        "metadata": dict(subscription["metadata"]),
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": None,
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": {"start": item["current_period_start"], "end": item["current_period_end"]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": str(price["unit_amount"]),
        },
        "quantity": item["quantity"],
        "subtotal": amount,
        "taxes": [],
    }


def _invoice(store: Store, subscription: Shape, lines: list[Shape], reason: str) -> Shape:
    now = store.clock.now()
    customer = store.get("customer", subscription["customer"])
    subtotal = sum(line["amount"] for line in lines)
    discounts = [entry for line in lines for entry in line["discount_amounts"]]
    total = subtotal - sum(entry["amount"] for entry in discounts)
    return {
        "account_country": "DE",
        "account_name": "Double",
        "amount_due": total,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": total,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": False,
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "currency": subscription["currency"],
        "customer": customer["id"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "default_payment_method": None,
        "description": None,
        "discounts": [],
        "due_date": None,
        "ending_balance": 0,
        "lines": {"object": "list", "data": lines, "has_more": False, "url": "/v1/invoices"},
        "next_payment_attempt": None,
        "number": None,
        "parent": {
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(subscription["metadata"]),
                "subscription": subscription["id"],
            },
            "type": "subscription_details",
        },
        "_payments": {"object": "list", "data": [], "has_more": False, "url": "/v1/invoice_payments"},
        # of a first invoice Stripe gives the moment, of a cycle the period that went by
        "period_start": now,
        "period_end": now,
        "starting_balance": 0,
        "status": "open",
        "status_transitions": {
            "finalized_at": now,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total": total,
        "total_discount_amounts": discounts,
        "total_excluding_tax": total,
        "total_taxes": [],
        "webhooks_delivered_at": now,
    }


def invoice_pay(store: Store, invoice: Shape, buyer: Shape, *, declined: bool = False) -> Shape:
    """Take the money of an open invoice, or fail to; the subscription follows."""
    if invoice["status"] != "open":
        raise invalid("Invoice is already paid." if invoice["status"] == "paid" else "Invoice is not open.")
    subscription = store.get("subscription", invoice["parent"]["subscription_details"]["subscription"])
    invoice["attempt_count"] += 1
    invoice["attempted"] = True
    if invoice["amount_due"]:
        _invoice_charge(store, invoice, buyer, declined=declined)
    if declined:
        _move(store, subscription, "past_due" if subscription["status"] != "incomplete" else "incomplete")
        store.emit("invoice.payment_failed", invoice)
        return invoice
    invoice |= {"status": "paid", "amount_paid": invoice["amount_due"], "amount_remaining": 0}
    invoice["status_transitions"]["paid_at"] = store.clock.now()
    _move(store, subscription, "active")
    store.emit("invoice.paid", invoice)
    store.emit("invoice.payment_succeeded", invoice)
    return invoice


def _invoice_charge(store: Store, invoice: Shape, buyer: Shape, *, declined: bool) -> None:
    known = invoice["_payments"]["data"]
    if known:
        intent = store.get("payment_intent", known[0]["payment"]["payment_intent"])
    else:
        intent = money.intent_create(
            store, invoice["amount_due"], invoice["currency"], invoice["customer"], {}
        )
        known.append(_invoice_payment(store, invoice, intent))
    money.intent_charge(store, intent, buyer, declined=declined)
    if not declined:
        known[0] |= {"status": "paid", "amount_paid": invoice["amount_due"]}
        known[0]["status_transitions"]["paid_at"] = store.clock.now()
        store.emit("invoice_payment.paid", known[0])


def _invoice_payment(store: Store, invoice: Shape, intent: Shape) -> Shape:
    payment = store.add(
        "inpay",
        "invoice_payment",
        {
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        },
    )
    del payment["metadata"]
    return payment


def _move(store: Store, subscription: Shape, status: str) -> None:
    before = subscription["status"]
    if before != status and before in LIVING:
        subscription["status"] = status
        store.emit("customer.subscription.updated", subscription, {"status": before})


def cycle_advance(store: Store, name: str, *, declined: bool = False) -> Shape:
    """The next cycle begins: an invoice for it, paid or not, or the end of a cancelled subscription.

    The clock stays where it is, so that a test decides by itself what day it is.
    """
    subscription = store.get("subscription", name)
    if subscription["status"] not in LIVING:
        raise Refused(409, f"This subscription is {subscription['status']}.")
    if subscription["cancel_at_period_end"]:
        return subscription_end(store, name)
    before = {}
    for item in subscription["items"]["data"]:
        before = {"items": {"data": [{"current_period_end": item["current_period_end"]}]}}
        recurring = store.get("price", item["_price"])["recurring"]
        item["current_period_start"] = item["current_period_end"]
        item["current_period_end"] = period_end(item["current_period_start"], recurring)
    store.emit("customer.subscription.updated", subscription, before)
    invoice = invoice_make(store, subscription, "subscription_cycle")
    customer = store.get("customer", subscription["customer"])
    return invoice_pay(store, invoice, customer, declined=declined)


def subscription_update(store: Store, name: str, given: Shape) -> Shape:
    subscription = store.get("subscription", name)
    if subscription["status"] not in LIVING:
        raise invalid("A canceled subscription can only update its cancellation_details and metadata.")
    rest = set(given) - {
        "items",
        "proration_behavior",
        "cancel_at_period_end",
        "metadata",
        "expand",
        "description",
    }
    if rest:
        raise unknown(f"{', '.join(sorted(rest))} of subscriptions")
    for wanted in given.get("items", []):
        _item_update(store, subscription, wanted, given.get("proration_behavior", "create_prorations"))
    merged(subscription, given)
    if "cancel_at_period_end" in given:
        ends = bool(given["cancel_at_period_end"])
        subscription["cancel_at_period_end"] = ends
        subscription["cancel_at"] = subscription["items"]["data"][0]["current_period_end"] if ends else None
        subscription["canceled_at"] = store.clock.now() if ends else None
        subscription["cancellation_details"]["reason"] = "cancellation_requested" if ends else None
    store.emit("customer.subscription.updated", subscription, {})
    return subscription


def _item_update(store: Store, subscription: Shape, wanted: Shape, proration: str) -> None:
    if proration != "none":
        raise unknown("prorations")
    found = [item for item in subscription["items"]["data"] if item["id"] == wanted.get("id")]
    if not found:
        raise invalid(
            f"No such subscription item: '{wanted.get('id', '')}'", "items[0][id]", "resource_missing"
        )
    item = found[0]
    before = store.get("price", item["_price"])
    if "price" in wanted or "price_data" in wanted:
        price = catalogue.price_chosen(store, wanted, param="items[0]")
        if price["currency"] != subscription["currency"] or not price["recurring"]:
            raise invalid("The price must recur, in the currency of the subscription.", "items[0][price]")
        item["_price"] = price["id"]
    item["quantity"] = wanted.get("quantity", item["quantity"])
    after = store.get("price", item["_price"])
    same = all(
        before["recurring"][part] == after["recurring"][part] for part in ("interval", "interval_count")
    )
    if not same:  # Stripe begins a new cycle, and asks for its price at once
        item["current_period_start"] = store.clock.now()
        item["current_period_end"] = period_end(item["current_period_start"], after["recurring"])
        invoice = invoice_make(store, subscription, "subscription_update")
        invoice_pay(store, invoice, store.get("customer", subscription["customer"]))


def subscription_end(store: Store, name: str) -> Shape:
    """It ends at once."""
    subscription = store.get("subscription", name)
    if subscription["status"] not in LIVING:
        raise invalid(f"No such subscription: '{name}'", "id", "resource_missing")
    now = store.clock.now()
    subscription |= {"status": "canceled", "ended_at": now, "canceled_at": subscription["canceled_at"] or now}
    store.emit("customer.subscription.deleted", subscription)
    return subscription
