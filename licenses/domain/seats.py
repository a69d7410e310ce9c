"""Seats, as the customer's own software asks (A5, E25). 0 seats means unlimited.

The office does not police live seat use: these functions answer locally, from the signed number.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

SEATS_EXHAUSTED: Final = "seats_exhausted"


@dataclass(frozen=True, slots=True)
class SeatDecision:
    """Whether one more named user fits. ``user_ref`` is an opaque reference of the caller's."""

    allowed: bool
    seats: int
    named_users: int
    user_ref: str
    at: datetime
    reason: str | None = None

    def denial(self) -> dict[str, Any] | None:
        """The record of a denial to keep, JSON-ready; None when the user was let in."""
        if self.allowed:
            return None
        return {
            "reason": self.reason,
            "user_ref": self.user_ref,
            "named_users": self.named_users,
            "seats": self.seats,
            "at": self.at.isoformat(),
        }


def fits(named_users: int, seats: int) -> bool:
    """Whether a count of named users is within the signed seats."""
    return seats == 0 or named_users <= seats


def may_activate_another(active: int, seats: int) -> bool:
    """Whether there is a seat left: 0 active of 1 yes, 1 of 1 no (E25)."""
    return fits(active + 1, seats)


def user_check(*, named_users: int, seats: int, user_ref: str, known: bool, at: datetime) -> SeatDecision:
    """Judge one user (A5): ``known`` users keep their seat, another one needs a free seat.

    ``named_users`` is the count without this user when ``known`` is false, and with it otherwise.
    """
    allowed = known or may_activate_another(named_users, seats)
    return SeatDecision(allowed, seats, named_users, user_ref, at, None if allowed else SEATS_EXHAUSTED)
