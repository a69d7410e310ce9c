"""Checkout sessions, from their opening to the money."""

from __future__ import annotations

from typing import Any

from tests.stripe_double import catalogue, cycles, money
from tests.stripe_double.refusals import Refused, invalid
from tests.stripe_double.store import Shape, Store, merged

DAY = 24 * 3600
HALF_HOUR = 1800
CLOCKS_DIFFER = 120


def session_create(store: Store, given: Shape, *, base: str) -> Shape:
    """Open a session; `base` is where the pages to pay at are."""
    mode = given.get("mode")
    _demand(store, given, mode)
    usable = catalogue.coupon_usable(store, given.get("discounts"))
    coupon, promotion = usable or (None, None)
    lines = _lines(store, given, mode, coupon)
    session = store.add("cs", "checkout.session", _fields(store, given, lines))
    session |= {"_coupon": coupon and coupon["id"], "_given": given}
    if coupon:
        entry = {"coupon": coupon["id"], "promotion_code": promotion and promotion["id"]}
        session["discounts"] = [entry]
        coupon["times_redeemed"] += 1  # Stripe counts at the payment; a session holds its place until then
        if promotion:
            promotion["times_redeemed"] += 1
    session["url"] = f"{base}/pay/{session['id']}"
    return session


def _demand(store: Store, given: Shape, mode: str | None) -> None:
    """What Stripe asks for beyond the types of fields. Raises Refused (400)."""
    if not given.get("success_url"):
        raise invalid("You must specify `success_url`.", "success_url", "parameter_missing")
    for name in ("success_url", "cancel_url"):
        if name in given and not given[name].startswith(("https://", "http://")):
            raise invalid("Not a valid URL", name, "url_invalid")
    if not given.get("line_items"):
        raise invalid("You must specify `line_items`.", "line_items", "parameter_missing")
    _demand_mode(given, mode)
    _demand_metadata(given)
    if len(given.get("client_reference_id", "")) > 200:
        raise invalid("Invalid string: longer than 200 characters", "client_reference_id")
    if "expires_at" in given:
        ahead = given["expires_at"] - store.clock.now()
        if not HALF_HOUR - CLOCKS_DIFFER <= ahead <= DAY + CLOCKS_DIFFER:
            raise invalid("`expires_at` must be between 30 minutes and 24 hours from now.", "expires_at")
    if given.get("customer"):
        store.get("customer", given["customer"], "customer")


def _demand_mode(given: Shape, mode: str | None) -> None:
    """Which fields do not go together."""
    if mode not in {"payment", "subscription"}:
        raise invalid("You must pass `mode` as payment or subscription.", "mode")
    if given.get("customer") and given.get("customer_email"):
        raise invalid("You may only specify one of these parameters: customer, customer_email.", "customer")
    if given.get("discounts") and given.get("allow_promotion_codes"):
        raise invalid("You may only specify one of: allow_promotion_codes, discounts.", "discounts")
    if mode == "payment" and "subscription_data" in given:
        raise invalid("You can not pass `subscription_data` in `payment` mode.", "subscription_data")
    if mode == "subscription" and ("payment_intent_data" in given or "customer_creation" in given):
        raise invalid("That goes with `payment` mode only.", "payment_intent_data")


def _demand_metadata(given: Shape) -> None:
    for owner in (given, given.get("subscription_data", {}), given.get("payment_intent_data", {})):
        entries = owner.get("metadata") or {}
        if len(entries) > 50 or any(len(name) > 40 or len(text) > 500 for name, text in entries.items()):
            raise invalid("Metadata hold 50 entries, names 40 and values 500 characters at most.", "metadata")


def _lines(store: Store, given: Shape, mode: str | None, coupon: Shape | None) -> list[Shape]:
    lines = []
    for number, wanted in enumerate(given["line_items"]):
        price = catalogue.price_chosen(store, wanted, param=f"line_items[{number}]")
        if mode == "payment" and price["recurring"]:
            raise invalid("You must use `subscription` mode with recurring prices.", "line_items")
        quantity = wanted.get("quantity", 1)
        if not 1 <= quantity <= 999_999:
            raise invalid("Quantity must be a positive number.", f"line_items[{number}][quantity]")
        lines.append(_line(store, price, quantity))
    if mode == "subscription" and not any(store.get("price", line["_price"])["recurring"] for line in lines):
        raise invalid("You must provide at least one recurring price in `subscription` mode.", "line_items")
    if len({line["currency"] for line in lines}) > 1:
        raise invalid("All prices must be of one currency.", "line_items")
    _share_discount(lines, coupon)
    return lines


def _line(store: Store, price: Shape, quantity: int) -> Shape:
    amount = price["unit_amount"] * quantity
    return {
        "id": store.new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": store.get("product", price["product"])["name"],
        "_price": price["id"],
        "quantity": quantity,
    }


def _share_discount(lines: list[Shape], coupon: Shape | None) -> None:
    left = catalogue.discount_of(coupon, sum(line["amount_subtotal"] for line in lines))
    if coupon and coupon["currency"] not in {None, lines[0]["currency"]}:
        raise invalid("The coupon is of another currency.", "discounts[0][coupon]")
    for line in lines:
        line["amount_discount"] = min(left, line["amount_subtotal"])
        line["amount_total"] = line["amount_subtotal"] - line["amount_discount"]
        left -= line["amount_discount"]


def _fields(store: Store, given: Shape, lines: list[Shape]) -> Shape:
    subtotal = sum(line["amount_subtotal"] for line in lines)
    total = sum(line["amount_total"] for line in lines)
    payment = given["mode"] == "payment"
    return {
        "after_expiration": None,
        "allow_promotion_codes": given.get("allow_promotion_codes"),
        "amount_subtotal": subtotal,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": given.get("billing_address_collection"),
        "cancel_url": given.get("cancel_url"),
        "client_reference_id": given.get("client_reference_id"),
        "client_secret": None,
        "consent": None,
        "consent_collection": None,
        "currency": lines[0]["currency"],
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {},
        "customer": given.get("customer"),
        "customer_creation": given.get("customer_creation", "if_required") if payment else None,
        "customer_details": None,
        "customer_email": given.get("customer_email"),
        "discounts": [],
        "expires_at": given.get("expires_at", store.clock.now() + DAY),
        "invoice": None,
        "invoice_creation": None,
        "_line_items": {"object": "list", "data": lines, "has_more": False, "url": "/v1/checkout/sessions"},
        "locale": given.get("locale"),
        "metadata": given.get("metadata", {}),
        "mode": given["mode"],
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required" if payment else "always",
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": None,
        "subscription": None,
        "success_url": given.get("success_url"),
        "total_details": {"amount_discount": subtotal - total, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": None,
    }


def session_update(store: Store, name: str, given: Shape) -> Shape:
    session = store.get("checkout.session", name)
    merged(session, given)
    return session


def session_expire(store: Store, name: str) -> Shape:
    session = store.get("checkout.session", name)
    if session["status"] != "open":
        raise invalid(
            f'Only Checkout Sessions with a status in ["open"] can be expired. {name} is {session["status"]}.'
        )
    session |= {"status": "expired", "url": None}
    coupon = store.find(session["_coupon"] or "")
    if coupon:
        coupon["times_redeemed"] -= 1
        promotion = store.find(session["discounts"][0]["promotion_code"] or "")
        if promotion:
            promotion["times_redeemed"] -= 1
    store.emit("checkout.session.expired", session)
    return session


def expire_due(store: Store) -> None:
    """Close the open sessions whose time has come."""
    for session in [*store.all("checkout.session", status="open")]:
        if session["expires_at"] <= store.clock.now():
            session_expire(store, session["id"])


# --- what a buyer does ----------------------------------------------------------------------------


def session_pay(store: Store, name: str, buyer: Shape, how: str = "card") -> Shape:
    """Pay by `card`, have the card `declined`, or promise the money for later (`bank`).

    `buyer`: email, name. Raises Refused (409) when the session is not open.
    """
    session = store.get("checkout.session", name)
    if session["status"] != "open":
        raise Refused(409, f"This session is {session['status']}.")
    buyer = {
        "email": buyer.get("email") or session["customer_email"] or "buyer@example.com",
        "name": buyer.get("name") or "Buyer",
    }
    customer = session["customer"] or _customer(store, session, buyer)
    if how == "declined":
        intent = _intent(store, session, customer)
        money.intent_charge(store, intent, buyer, declined=True)
        return session
    session["customer_details"] = {
        "address": None,
        "email": buyer["email"],
        "name": buyer["name"],
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }
    session |= {"customer": customer, "status": "complete", "url": None}
    _take(store, session, buyer, later=how == "bank")
    store.emit("checkout.session.completed", session)
    return session


def _customer(store: Store, session: Shape, buyer: Shape) -> str | None:
    """Stripe makes a guest of a one-off buyer unless it is told to make a customer."""
    if session["mode"] == "payment" and session["customer_creation"] != "always":
        return None
    return str(money.customer_create(store, buyer)["id"])


def _intent(store: Store, session: Shape, customer: str | None) -> Shape:
    given: Any = session["_given"].get("payment_intent_data", {})
    return money.intent_create(
        store, session["amount_total"], session["currency"], customer, dict(given.get("metadata", {}))
    )


def _take(store: Store, session: Shape, buyer: Shape, *, later: bool) -> None:
    if session["mode"] == "subscription":
        cycles.subscription_start(store, session, buyer, later=later)
        return
    if session["amount_total"] == 0:
        session["payment_status"] = "no_payment_required"
        return
    intent = _intent(store, session, session["customer"])
    session["payment_intent"] = intent["id"]
    if later:
        intent["status"] = "processing"
        store.emit("payment_intent.processing", intent)
        return
    money.intent_charge(store, intent, buyer)
    session["payment_status"] = "paid"


def session_money(store: Store, name: str, *, arrives: bool) -> Shape:
    """The promised money of a completed session arrives, or does not."""
    session = store.get("checkout.session", name)
    if session["status"] != "complete" or session["payment_status"] != "unpaid":
        raise Refused(409, "No money of this session is on its way.")
    buyer = session["customer_details"]
    if session["mode"] == "subscription":
        invoice = store.get("invoice", session["invoice"])
        cycles.invoice_pay(store, invoice, buyer, declined=not arrives)
    else:
        intent = store.get("payment_intent", session["payment_intent"])
        money.intent_charge(store, intent, buyer, declined=not arrives)
    if arrives:
        session["payment_status"] = "paid"
    store.emit(f"checkout.session.async_payment_{'succeeded' if arrives else 'failed'}", session)
    return session
