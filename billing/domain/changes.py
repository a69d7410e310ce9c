"""Moving a license from one tier to another (C29): which rules refuse a buyer, and what is due now.

Money is minor units; a share of a period is counted in whole days left, so a buyer never pays for a day that has
begun. Halves round up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from billing.domain.prices import half_up

_DAY: Final = timedelta(days=1)


class TierRule(StrEnum):
    """The closed list of what refuses a buyer a change of tier. The values are codes of the API."""

    OTHER_PRODUCT = "tier_other_product"
    UNRANKED = "tier_unranked"
    NOT_ACTIVE = "tier_not_active"
    SAME_RANK = "tier_same_rank"
    PERPETUAL_DOWNGRADE = "tier_perpetual_downgrade"
    OTHER_TERM = "tier_other_term"
    OTHER_PERIOD = "tier_other_period"
    OTHER_CURRENCY = "tier_other_currency"


SAYS: Final = {
    TierRule.OTHER_PRODUCT: "A license stays with its product.",
    TierRule.UNRANKED: "One of the two plans has no rank, so there is no up or down between them.",
    TierRule.NOT_ACTIVE: "That plan is not sold at the moment.",
    TierRule.SAME_RANK: "The license is on a plan of this rank already.",
    TierRule.PERPETUAL_DOWNGRADE: "A perpetual license is not moved to a lower plan.",
    TierRule.OTHER_TERM: "A perpetual license stays perpetual, and one with an end keeps an end.",
    TierRule.OTHER_PERIOD: "That plan is paid for another period.",
    TierRule.OTHER_CURRENCY: "That plan is sold in another currency.",
}


class Direction(StrEnum):
    """Which way a change goes, by the ranks."""

    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"


@dataclass(frozen=True, slots=True)
class Tier:
    """A plan with what it costs for one period, or for good.

    `rank` orders tiers, None is none; `period` tells periods apart, as `("year", 1)`; `open` says whether it is
    sold now.
    """

    product: str
    plan: str
    rank: int | None
    perpetual: bool
    amount_minor: int
    currency: str
    period: tuple[str, int] = ("", 0)
    open: bool = True


@dataclass(frozen=True, slots=True)
class Period:
    """The period that is paid: how many days it has, and how many whole ones are left of it."""

    days: int
    days_left: int
    ends_at: datetime

    @classmethod
    def between(cls, starts_at: datetime, ends_at: datetime, at: datetime) -> Period:
        """Days that have begun are over; a period that is over has none left."""
        days = max((ends_at - starts_at) // _DAY, 1)
        return cls(days, min(max((ends_at - at) // _DAY, 0), days), ends_at)


@dataclass(frozen=True, slots=True)
class ChangeQuote:
    """What a change costs. `effective_at` is when it takes effect: None is at once, when it is paid.

    `difference_minor` is between the prices of a whole period, below zero on the way down.
    """

    direction: Direction
    from_minor: int
    to_minor: int
    due_minor: int
    currency: str
    period: Period | None = None
    effective_at: datetime | None = None

    @property
    def difference_minor(self) -> int:
        return self.to_minor - self.from_minor

    def to_json(self) -> dict[str, Any]:
        """Plain values, as they are kept with the change and answered by the API."""
        return {
            "direction": str(self.direction),
            "from_minor": self.from_minor,
            "to_minor": self.to_minor,
            "difference_minor": self.difference_minor,
            "due_minor": self.due_minor,
            "currency": self.currency,
            "period_days": self.period.days if self.period else None,
            "days_left": self.period.days_left if self.period else None,
            "effective_at": self.effective_at.isoformat() if self.effective_at else None,
        }


def broken_rules(now: Tier, wanted: Tier) -> Iterator[TierRule]:
    """Every rule that refuses a buyer, in a fixed order; nothing at all means that it may be quoted."""
    if now.product != wanted.product:
        yield TierRule.OTHER_PRODUCT
    if not wanted.open:
        yield TierRule.NOT_ACTIVE
    if now.rank is None or wanted.rank is None:
        yield TierRule.UNRANKED
    elif now.rank == wanted.rank:
        yield TierRule.SAME_RANK
    elif now.perpetual and wanted.rank < now.rank:
        yield TierRule.PERPETUAL_DOWNGRADE
    if now.perpetual != wanted.perpetual:
        yield TierRule.OTHER_TERM
    elif not now.perpetual and now.period != wanted.period:
        yield TierRule.OTHER_PERIOD
    if now.currency != wanted.currency:
        yield TierRule.OTHER_CURRENCY


def change_quote(now: Tier, wanted: Tier, *, period: Period | None) -> ChangeQuote:
    """What the change costs: `period` is the one that is paid, None of a perpetual license.

    Upgrade of a perpetual license: the difference, never below 0. Upgrade with a period: the share of the
    difference for the days left. Downgrade: nothing now, and it takes effect when the period ends.
    """
    direction = Direction.UPGRADE if (wanted.rank or 0) > (now.rank or 0) else Direction.DOWNGRADE
    due = max(wanted.amount_minor - now.amount_minor, 0)
    effective_at = None
    if direction == Direction.DOWNGRADE:
        due, effective_at = 0, period.ends_at if period else None
    elif period is not None:
        due = half_up(Decimal(due) * period.days_left / period.days)
    return ChangeQuote(
        direction, now.amount_minor, wanted.amount_minor, due, wanted.currency, period, effective_at
    )
