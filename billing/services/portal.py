"""Stripe's customer portal, and what became of a session (E29)."""

from __future__ import annotations

from accounts.models import Account
from billing import gateway
from billing.gateway import StripeMissing
from billing.models import Checkout
from billing.order_errors import NoCustomer, NoSubscription
from billing.orders import returns_of
from billing.selectors.orders import newest_customer


def portal_url(*, account: Account, return_url: str = "") -> str:
    """The address of a portal of the account's newest customer. Never inside a transaction.

    Raises NoCustomer (404), RedirectRefused (400), StripeRefused, StripeUnavailable. Nothing is written: a
    portal is open for minutes, and each call opens another.
    """
    customer = newest_customer(account)
    if customer is None:
        raise NoCustomer
    returns = returns_of(customer.merchant, cancel=return_url)
    return gateway.portal_open(
        customer.merchant, customer=customer.reference, return_url=return_url or returns.cancel
    )


def subscription_ref(*, checkout: Checkout | None) -> str:
    """The subscription that a session began. Never inside a transaction.

    Raises NoSubscription (404) while it has begun none, and for a session that is not known. What we do not
    know yet is asked of Stripe. Raises StripeUnavailable.
    """
    if checkout is None:
        raise NoSubscription
    try:
        found = (
            checkout.subscription_ref
            or gateway.session_read(checkout.merchant, checkout.session_id).subscription
        )
    except StripeMissing as error:
        raise NoSubscription from error
    if not found:
        raise NoSubscription
    return found
