"""Asking Stripe for the session of an order, always after the order is committed (E14).

Every question carries an idempotency key made of the order's uid and the parameters that were kept with it: asked
again after a lost answer, by whomever, it gives the same session.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction

from accounts.models import Account
from billing import gateway
from billing.domain.enums import CheckoutState, Purpose
from billing.domain.prices import Line, Quote
from billing.gateway import SessionFacts, StripeMissing, StripeRefused
from billing.models import Checkout, Offer
from billing.order_errors import MaintenanceNotManual
from billing.orders import bare_params, returns_of
from billing.selectors.catalogue import merchant_of
from billing.selectors.orders import maintenance_offer_of
from billing.services.reservations import (
    Sale,
    Wish,
    checkout_end,
    checkout_lock,
    checkout_reserve,
    order_write,
    refuse_ended,
)
from licenses.domain.enums import LicenseStatus
from licenses.errors import LicenseRevoked
from licenses.models import License

OPEN_QUESTIONS: Final = frozenset({"idempotency_error"})
"""Refusals of Stripe's that do not say that there is no session."""


def checkout_open(*, wish: Wish, account: Account, actor: str, at: datetime) -> Checkout:
    """Reserve a purchase and give it a place to pay at. Never inside a transaction.

    Raises what `checkout_reserve` and `checkout_present` raise.
    """
    checkout = checkout_reserve(wish=wish, account=account, actor=actor, at=at)
    return checkout_present(checkout=checkout, at=at)


def checkout_present(*, checkout: Checkout, at: datetime) -> Checkout:
    """Have Stripe open the session of an order, or return the one that is there. Never inside a transaction.

    Raises StripeUnavailable (503): the order stays reserved, and calling again, or the reaper, finds out what
    became of it. Raises StripeRefused (409): then it has failed and holds nothing. Raises CheckoutEnded (409).
    """
    if checkout.session_id:
        return checkout
    refuse_ended(checkout)
    try:
        facts = session_ask(checkout)
    except StripeRefused as refused:
        if refused.stripe_code not in OPEN_QUESTIONS:
            checkout_end(checkout=checkout, state=CheckoutState.FAILED, reason="stripe_refused", at=at)
        raise
    return _keep(checkout, facts)


def session_ask(checkout: Checkout) -> SessionFacts:
    """Open the session of an order at Stripe; asked again, the same one.

    An account that does not know customer or product, because the profile got the key of another one, is asked
    once more without them.
    """
    key = f"signet-checkout-{checkout.uid}"
    try:
        return gateway.session_create(checkout.merchant, checkout.params, key=key)
    except StripeMissing:
        bare = bare_params(checkout)
        if bare == checkout.params:
            raise
        return gateway.session_create(checkout.merchant, bare, key=f"{key}-bare")


def maintenance_reserve(
    *,
    license: License,  # noqa: A002 - the word of the vocabulary
    success_url: str = "",
    cancel_url: str = "",
    actor: str,
    at: datetime,
) -> Checkout:
    """Begin the payment of one more year of maintenance (E32); `checkout_present` gives it a place to pay at.

    Raises MaintenanceNotManual (403) for what is not perpetual with maintenance by hand, LicenseRevoked (409),
    RedirectRefused (400). What the license has of it already is no matter: it is added to.
    """
    offer = maintenance_offer_of(license)
    if license.expires_at is not None or offer is None or offer.maintenance != "manual":
        raise MaintenanceNotManual
    if license.status == LicenseStatus.REVOKED:
        raise LicenseRevoked
    merchant = merchant_of(offer)
    with transaction.atomic():
        sale = Sale(
            purpose=Purpose.MAINTENANCE, offer=offer, merchant=merchant, account=license.account,
            quote=_maintenance_quote(offer, license.seats), license=license, units=0,
            returns=returns_of(merchant, success=success_url, cancel=cancel_url),
        )  # fmt: skip
        return order_write(sale=sale, actor=actor, at=at)


def _maintenance_quote(offer: Offer, seats: int) -> Quote:
    price = offer.maintenance_amount_minor
    line = Line(f"Maintenance of {offer.name}, {offer.maintenance_days} days", 1, price, price)
    return Quote(price, 0, price, offer.currency, price, 1, seats, (line,))


def _keep(checkout: Checkout, facts: SessionFacts) -> Checkout:
    """Write the session down, unless the order ended while Stripe was asked."""
    with transaction.atomic():
        row = checkout_lock(checkout)
        row.session_id, row.url = row.session_id or facts.id, row.url or facts.url
        if row.state == CheckoutState.RESERVED:
            row.state = CheckoutState.OPEN
        row.save(update_fields=["session_id", "url", "state"])
    if row.state != CheckoutState.PAID:
        refuse_ended(row)
    return row
