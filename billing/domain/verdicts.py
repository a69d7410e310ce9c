"""Whether a license has the payment that it should have: one verdict from what we recorded and what Stripe says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class PaymentVerdict(StrEnum):
    """What verify-payment says of a license (E31), worst news first."""

    NO_PAYMENT = "no_payment"
    UNVERIFIED = "unverified"
    MISMATCH = "mismatch"
    NOT_PAID = "not_paid"
    CHARGED_BACK = "charged_back"
    DISPUTED = "disputed"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A payment as we recorded it. `free`: nothing was to pay, so Stripe took no money."""

    state: str
    currency: str
    amount_minor: int
    refunded_minor: int
    livemode: bool

    @property
    def free(self) -> bool:
        return self.amount_minor == 0


@dataclass(frozen=True, slots=True)
class Told:
    """The same as Stripe tells it now. `settled`: it has the money, or none was due."""

    settled: bool
    status: str
    currency: str
    amount_minor: int
    refunded_minor: int
    livemode: bool
    disputed: bool


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that was found, by a stable code."""

    code: str
    detail: str


_STATES = {
    "charged_back": PaymentVerdict.CHARGED_BACK,
    "disputed": PaymentVerdict.DISPUTED,
    "refunded": PaymentVerdict.REFUNDED,
    "partially_refunded": PaymentVerdict.PARTIALLY_REFUNDED,
}
_DIFFERENCES = frozenset(
    {"amount_differs", "currency_differs", "mode_differs", "refund_differs", "missing_at_stripe"}
)


def judge(
    recorded: Recorded | None, told: Told | None, problem: Reason | None = None
) -> tuple[PaymentVerdict, list[Reason]]:
    """The verdict and everything that speaks for it. `problem` says why Stripe told nothing."""
    if recorded is None:
        return PaymentVerdict.NO_PAYMENT, [Reason("no_payment", "No payment is recorded for this license.")]
    if told is None:
        reason = problem or Reason("stripe_unavailable", "Stripe was not asked.")
        missing = reason.code in _DIFFERENCES
        return (PaymentVerdict.MISMATCH if missing else PaymentVerdict.UNVERIFIED), [reason]
    reasons = list(_differences(recorded, told))
    if any(reason.code in _DIFFERENCES for reason in reasons):
        return PaymentVerdict.MISMATCH, reasons
    if not told.settled:
        return PaymentVerdict.NOT_PAID, [Reason("not_paid", f"Stripe says that it is {told.status}.")]
    return _STATES.get(recorded.state, PaymentVerdict.VERIFIED), reasons


def _differences(recorded: Recorded, told: Told) -> Iterator[Reason]:
    if recorded.livemode != told.livemode:
        yield Reason("mode_differs", "One is of Stripe's test mode and the other is not.")
    if recorded.currency != told.currency:
        yield Reason("currency_differs", f"Recorded in {recorded.currency}, at Stripe in {told.currency}.")
    elif told.settled and recorded.amount_minor != told.amount_minor:
        yield Reason("amount_differs", f"Recorded {recorded.amount_minor}, at Stripe {told.amount_minor}.")
    elif recorded.refunded_minor != told.refunded_minor and recorded.state != "charged_back":
        yield Reason(
            "refund_differs", f"Refunded {recorded.refunded_minor} here, {told.refunded_minor} at Stripe."
        )
    if told.disputed and recorded.state not in {"disputed", "charged_back"}:
        yield Reason("dispute_seen", "Stripe knows of a dispute, now or before.")
