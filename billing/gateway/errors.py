"""The three ways in which a call to Stripe ends without an answer to use."""

from __future__ import annotations

from typing import Any

from config.kit.errors import Conflict, Unavailable


class StripeUnavailable(Unavailable):
    """No answer, a 5xx, too many requests, or a key that is not accepted: to be tried again."""

    code = "stripe_unavailable"
    title = "Stripe does not answer at the moment."


class StripeRefused(Conflict):
    """Stripe says no; `stripe_code` and the sentence are Stripe's."""

    code = "stripe_refused"
    title = "Stripe refused the request."

    def __init__(self, detail: str | None = None, *, stripe_code: str = "", **members: Any) -> None:
        self.stripe_code = stripe_code
        super().__init__(detail, stripe_code=stripe_code, **members)


class StripeMissing(StripeRefused):
    """Stripe does not know the object (404, `resource_missing`)."""

    code = "stripe_missing"
    title = "Stripe knows no such object."
