"""Refusals on the way from an order to its money. Their codes are part of the API."""

from __future__ import annotations

from billing.domain.redirects import SAYS, RedirectRule
from config.kit.errors import Conflict, FieldError, Forbidden, Invalid, NotFound


class SoldOut(Conflict):
    """E16: `left` units remain of the offer's cap."""

    code = "sold_out"
    title = "The last one has been sold."


class OfferClosed(Conflict):
    code = "offer_closed"
    title = "This offer is not on sale."


class CheckoutEnded(Conflict):
    """`state` says how: paid, expired or failed."""

    code = "checkout_ended"
    title = "This checkout is over. Begin another one."


class RedirectRefused(Invalid):
    """E14: the address of `errors` is not one that the merchant sends buyers to."""

    code = "redirect_refused"
    title = "Buyers are not sent back to this address."

    @classmethod
    def of(cls, field: str, rule: RedirectRule) -> RedirectRefused:
        return cls([FieldError(field, str(rule), SAYS[rule])])


class NotYourGroup(Forbidden):
    """E29: a credential acts for its own groups only."""

    code = "not_your_group"
    title = "These credentials do not act for that group."


class NoCustomer(NotFound):
    code = "no_customer"
    title = "This group has not paid anything yet, so it has no portal."


class NoSubscription(NotFound):
    code = "no_subscription"
    title = "There is no subscription of this checkout session."


class MaintenanceNotManual(Forbidden):
    """E32: only perpetual licenses whose maintenance is renewed by hand."""

    code = "maintenance_not_manual"
    title = "The maintenance of this license is not renewed by hand."
