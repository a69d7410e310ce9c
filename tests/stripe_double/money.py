"""Customers, payment intents, charges, refunds and disputes."""

from __future__ import annotations

from tests.stripe_double.refusals import Refused, invalid
from tests.stripe_double.store import Shape, Store, merged

OPEN_DISPUTES = {"needs_response", "under_review", "warning_needs_response", "warning_under_review"}


def customer_create(store: Store, given: Shape) -> Shape:
    customer = store.add(
        "cus",
        "customer",
        {
            "address": None,
            "balance": 0,
            "currency": None,
            "default_source": None,
            "delinquent": False,
            "description": given.get("description"),
            "discount": None,
            "email": given.get("email"),
            "invoice_prefix": "DOUBLE",
            "metadata": given.get("metadata", {}),
            "name": given.get("name"),
            "next_invoice_sequence": 1,
            "phone": None,
            "preferred_locales": [],
            "shipping": None,
            "tax_exempt": "none",
            "test_clock": None,
        },
    )
    store.emit("customer.created", customer)
    return customer


def customer_update(store: Store, name: str, given: Shape) -> Shape:
    customer = store.get("customer", name)
    for field in ("email", "name", "description"):
        if field in given:
            customer[field] = given[field] or None
    merged(customer, given)
    store.emit("customer.updated", customer)
    return customer


def intent_create(store: Store, amount: int, currency: str, customer: str | None, metadata: Shape) -> Shape:
    """A payment intent that waits for a payment method."""
    intent = store.add(
        "pi",
        "payment_intent",
        {
            "amount": amount,
            "amount_capturable": 0,
            "amount_received": 0,
            "application": None,
            "automatic_payment_methods": None,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic_async",
            "currency": currency,
            "customer": customer,
            "description": None,
            "last_payment_error": None,
            "latest_charge": None,
            "metadata": metadata,
            "next_action": None,
            "payment_method": None,
            "payment_method_types": ["card"],
            "receipt_email": None,
            "review": None,
            "setup_future_usage": None,
            "shipping": None,
            "statement_descriptor": None,
            "status": "requires_payment_method",
            "transfer_group": None,
        },
    )
    store.emit("payment_intent.created", intent)
    return intent


def intent_charge(store: Store, intent: Shape, buyer: Shape, *, declined: bool = False) -> Shape:
    """One attempt to take the money of an intent; its charge, succeeded or failed."""
    charge = store.add("ch", "charge", _charge(store, intent, buyer, declined=declined))
    charge["receipt_url"] = None if declined else f"https://pay.stripe.com/receipts/{charge['id']}"
    intent["latest_charge"] = charge["id"]
    if declined:
        intent["status"] = "requires_payment_method"
        intent["last_payment_error"] = {"type": "card_error", "code": "card_declined", "message": "Declined."}
        store.emit("charge.failed", charge)
        store.emit("payment_intent.payment_failed", intent)
    else:
        intent |= {"status": "succeeded", "amount_received": intent["amount"], "last_payment_error": None}
        store.emit("charge.succeeded", charge)
        store.emit("payment_intent.succeeded", intent)
    return charge


def _charge(store: Store, intent: Shape, buyer: Shape, *, declined: bool) -> Shape:
    return {
        "amount": intent["amount"],
        "amount_captured": 0 if declined else intent["amount"],
        "amount_refunded": 0,
        "application": None,
        "balance_transaction": None if declined else store.new_id("txn"),
        "billing_details": {
            "address": None,
            "email": buyer.get("email"),
            "name": buyer.get("name"),
            "phone": None,
            "tax_id": None,
        },
        "captured": not declined,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": None,
        "disputed": False,
        "failure_code": "card_declined" if declined else None,
        "failure_message": "Your card was declined." if declined else None,
        "fraud_details": {},
        "metadata": dict(intent["metadata"]),
        "paid": not declined,
        "payment_intent": intent["id"],
        "payment_method": None,
        "receipt_email": None,
        "receipt_number": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "statement_descriptor": None,
        "status": "failed" if declined else "succeeded",
        "transfer_group": None,
    }


def charge_named(store: Store, given: Shape) -> Shape:
    """The charge that a refund or dispute is about."""
    if given.get("payment_intent"):
        intent = store.get("payment_intent", given["payment_intent"], "payment_intent")
        if not intent["latest_charge"]:
            raise invalid(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
        return store.get("charge", intent["latest_charge"])
    if given.get("charge"):
        return store.get("charge", given["charge"], "charge")
    raise invalid("One of the following params should be provided: payment_intent or charge.")


def refund_create(store: Store, given: Shape) -> Shape:
    charge = charge_named(store, given)
    left = charge["amount"] - charge["amount_refunded"]
    amount = given.get("amount", left)
    if charge["status"] != "succeeded" or left == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if charge["disputed"]:
        raise invalid(f"Charge {charge['id']} has been charged back.", code="charge_disputed")
    if not 0 < amount <= left:
        raise invalid(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).", "amount"
        )
    refund = store.add(
        "re",
        "refund",
        {
            "amount": amount,
            "balance_transaction": store.new_id("txn"),
            "charge": charge["id"],
            "currency": charge["currency"],
            "metadata": given.get("metadata", {}),
            "payment_intent": charge["payment_intent"],
            "reason": given.get("reason"),
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "succeeded",
            "transfer_reversal": None,
        },
    )
    del refund["livemode"]
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    store.emit("refund.created", refund)
    store.emit("charge.refunded", charge)
    return refund


def dispute_open(store: Store, given: Shape) -> Shape:
    """A buyer's bank disputes a charge; `status` begins with `warning_` for an inquiry."""
    charge = charge_named(store, given)
    status = given.get("status", "needs_response")
    if charge["disputed"] or status not in OPEN_DISPUTES:
        raise Refused(400, "This charge cannot be disputed so.")
    dispute = store.add(
        "du",
        "dispute",
        {
            "amount": charge["amount"],
            "balance_transactions": [],
            "charge": charge["id"],
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": {},
            "evidence_details": {
                "due_by": store.clock.now() + 7 * 86400,
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": status.startswith("warning_"),
            "payment_intent": charge["payment_intent"],
            "reason": given.get("reason", "fraudulent"),
            "status": status,
        },
    )
    charge["disputed"] = not status.startswith("warning_")
    store.emit("charge.dispute.created", dispute)
    if charge["disputed"]:
        store.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def dispute_close(store: Store, name: str, status: str) -> Shape:
    """`won`, `lost` or `warning_closed`. The charge of a won dispute stays marked as disputed, as at Stripe."""
    dispute = store.get("dispute", name)
    if dispute["status"] not in OPEN_DISPUTES or status not in {"won", "lost", "warning_closed"}:
        raise Refused(400, "This dispute cannot be closed so.")
    dispute["status"] = status
    store.emit("charge.dispute.closed", dispute)
    if status == "won":
        store.emit("charge.dispute.funds_reinstated", dispute)
    return dispute
