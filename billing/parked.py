"""Why an order or an event of Stripe's cannot be worked on: for a person, or not yet."""

from __future__ import annotations

from billing.domain.parking import Reason, words_of
from config.kit.errors import Conflict, Unavailable


class Parked(Conflict):
    """A person must look at it first. `reason` says why, in a code that is stored."""

    title = "This waits for a person."

    def __init__(self, reason: Reason, detail: str = "") -> None:
        self.reason = reason
        self.code = str(reason)
        super().__init__(detail or words_of(reason))


class Unpaid(Conflict):
    """C27: Stripe itself does not say that the money is there."""

    code = "unpaid"
    title = "Stripe does not report this order as paid."


class Early(Unavailable):
    """What it builds on has not come yet: to be tried again."""

    code = "early"
    title = "What this builds on is not here yet."
