"""The pages that buyers see: a checkout to pay at, and a portal to cancel in. Plain HTML, no scripts."""

from __future__ import annotations

from html import escape

from tests.stripe_double import cycles, sessions
from tests.stripe_double.refusals import Refused
from tests.stripe_double.store import Shape, Store
from tests.stripe_double.world import World

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;background:#f6f7f9;color:#1a1f36;margin:0}
main{max-width:30rem;margin:3rem auto;padding:2rem;background:#fff;border:1px solid #e3e8ee;border-radius:12px}
.note{background:#fff4d6;border-radius:8px;padding:.6rem .9rem;font-size:.875rem}
h1{font-size:1.25rem;margin:1.2rem 0 .2rem}.total{font-size:2rem;font-weight:600;margin:.2rem 0 1rem}
table{width:100%;border-collapse:collapse}td{padding:.35rem 0;border-top:1px solid #e3e8ee}
td:last-child{text-align:right}label{display:block;margin:.9rem 0 .2rem;font-size:.875rem}
input{width:100%;box-sizing:border-box;padding:.6rem;border:1px solid #8792a2;border-radius:8px;font:inherit}
button{width:100%;padding:.75rem;margin-top:.7rem;border:1px solid #8792a2;border-radius:8px;background:#fff;
font:inherit;cursor:pointer}button.main{background:#4a3fd1;border-color:#4a3fd1;color:#fff}
.error{color:#b3093c;font-weight:600}a{color:#4a3fd1}
"""
NOTE = '<p class="note">A stand-in for Stripe on this machine. No card is asked for and no money moves.</p>'


def html(title: str, inner: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body><main>{NOTE}{inner}</main></body></html>"
    )


def amount(minor: int, currency: str) -> str:
    """An amount for people; of currencies without cents it shows them all the same."""
    return f"{minor // 100}.{minor % 100:02} {currency.upper()}"


def pay_page(world: World, name: str, error: str = "") -> tuple[int, str]:
    """The page of a session; of one that is not open, what became of it."""
    _, session = world.owner(name)
    if session["status"] != "open":
        return 410, html("Checkout", f"<h1>This session is {session['status']}.</h1>")
    rows = "".join(
        f"<tr><td>{line['quantity']} &times; {escape(line['description'])}</td>"
        f"<td>{amount(line['amount_subtotal'], line['currency'])}</td></tr>"
        for line in session["_line_items"]["data"]
    )
    if session["total_details"]["amount_discount"]:
        off = amount(session["total_details"]["amount_discount"], session["currency"])
        rows += f"<tr><td>Discount</td><td>&minus;{off}</td></tr>"
    told = f'<p class="error" role="alert">{escape(error)}</p>' if error else ""
    cancel = '<button name="how" value="cancel" formnovalidate>Go back without paying</button>'
    return 200, html(
        "Checkout",
        f"<h1>{'Subscribe' if session['mode'] == 'subscription' else 'Pay'}</h1>"
        f'<p class="total">{amount(session["amount_total"], session["currency"])}</p><table>{rows}</table>{told}'
        f'<form method="post"><label for="email">E-mail</label>'
        f'<input id="email" name="email" type="email" required value="{escape(session["customer_email"] or "")}">'
        f'<label for="name">Name</label><input id="name" name="name" required>'
        f'<button class="main" name="how" value="card">Pay with a good card</button>'
        f'<button name="how" value="declined">Pay with a card that is declined</button>'
        f'<button name="how" value="bank">Pay by bank debit: the money comes later</button>'
        f"{cancel if session['cancel_url'] else ''}</form>",
    )


def pay_submit(world: World, name: str, form: Shape) -> tuple[int, str]:
    """What a buyer pressed: 303 and where to go, or the page again."""
    store, session = world.owner(name)
    how = form.get("how", "card")
    if how == "cancel" and session["cancel_url"]:
        return 303, session["cancel_url"]
    if how not in {"card", "declined", "bank"}:
        return pay_page(world, name, "Choose a way to pay.")
    try:
        sessions.session_pay(store, name, form, how)
    except Refused as refusal:
        return pay_page(world, name, str(refusal))
    if how == "declined":
        return pay_page(world, name, "Your card was declined.")
    return 303, session["success_url"].replace("{CHECKOUT_SESSION_ID}", name)


def portal_page(world: World, name: str) -> tuple[int, str]:
    """The subscriptions of a customer, each with a button that cancels it."""
    store, portal = world.owner(name)
    rows = "".join(_row(store, row) for row in store.all("subscription", customer=portal["customer"]))
    back = escape(portal["return_url"] or "/", quote=True)
    inner = f"<h1>Your subscriptions</h1><table>{rows}</table>" if rows else "<h1>No subscriptions</h1>"
    return 200, html("Customer portal", f'{inner}<p><a href="{back}">Go back</a></p>')


def _row(store: Store, subscription: Shape) -> str:
    item = subscription["items"]["data"][0]
    product = store.get("product", store.get("price", item["_price"])["product"])["name"]
    state = "ends with its cycle" if subscription["cancel_at_period_end"] else subscription["status"]
    button = ""
    if subscription["status"] in cycles.LIVING and not subscription["cancel_at_period_end"]:
        button = (
            f'<form method="post"><button name="cancel" value="{subscription["id"]}">Cancel</button></form>'
        )
    return f"<tr><td>{escape(product)}<br>{escape(state)}</td><td>{button}</td></tr>"


def portal_submit(world: World, name: str, form: Shape) -> tuple[int, str]:
    """Cancel a subscription of this customer at the end of its cycle."""
    store, portal = world.owner(name)
    subscription = store.get("subscription", form.get("cancel", ""))
    if subscription["customer"] == portal["customer"]:
        cycles.subscription_update(store, subscription["id"], {"cancel_at_period_end": True})
    return 303, f"/portal/{name}"
