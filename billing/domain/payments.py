"""What becomes of money that arrived: refunds and disputes."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from billing.domain.enums import PaymentState


class DisputeStanding(StrEnum):
    """How a dispute stands for us. An inquiry moves no money and does nothing."""

    NONE = "none"
    OPEN = "open"
    WON = "won"
    LOST = "lost"


_STANDINGS: Final = {
    "needs_response": DisputeStanding.OPEN,
    "under_review": DisputeStanding.OPEN,
    "won": DisputeStanding.WON,
    "lost": DisputeStanding.LOST,
}


def standing_of(status: str) -> DisputeStanding:
    """From Stripe's status; inquiries, what was prevented and what we do not know move nothing."""
    return _STANDINGS.get(status, DisputeStanding.NONE)


def refunded_state(*, amount_minor: int, refunded_minor: int) -> PaymentState:
    """The state of a payment that nobody disputes."""
    if refunded_minor <= 0:
        return PaymentState.SETTLED
    return PaymentState.REFUNDED if refunded_minor >= amount_minor else PaymentState.PARTIALLY_REFUNDED
