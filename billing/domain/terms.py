"""From an offer to the terms of the license that it sells: seats, end, maintenance (E9, E15, E32)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from billing.domain.enums import Interval, OfferType
from billing.domain.prices import MAX_SEATS, PriceError
from licenses.domain.periods import add_months

MONTHS_OF: Final = {Interval.MONTH: 1, Interval.YEAR: 12}


@dataclass(frozen=True, slots=True)
class TermFacts:
    """What an offer says about the license. `term_days` None is the plan's (`plan_days`), 0 is perpetual."""

    type: str
    interval: str = ""
    interval_count: int = 1
    term_days: int | None = None
    plan_days: int = 0
    maintenance: str = ""
    maintenance_days: int = 365
    default_seats: int = 1
    min_managed_products: int = 0
    max_managed_products: int | None = None

    @property
    def days(self) -> int:
        """Of a one-off offer; 0 is perpetual."""
        return self.plan_days if self.term_days is None else self.term_days

    @property
    def perpetual(self) -> bool:
        return self.type == OfferType.ONE_OFF and self.days == 0


def seats_asked(facts: TermFacts, managed_products: int | None) -> int:
    """How many seats an order is for: as asked, or the offer's own number when it is not said or 0 (E15).

    0 seats of a license are unlimited, so an order never ends there by leaving the number out. Raises
    PriceError: `negative`, `below_minimum`, `above_maximum`.
    """
    wanted = managed_products or facts.default_seats
    if wanted < 0:
        raise PriceError("managed_products", "negative", "A negative number makes no sense here.")
    if wanted < facts.min_managed_products:
        least = facts.min_managed_products
        raise PriceError("managed_products", "below_minimum", f"This offer begins at {least}.")
    most = MAX_SEATS if facts.max_managed_products is None else facts.max_managed_products
    if wanted > most:
        raise PriceError("managed_products", "above_maximum", f"This offer ends at {most}.")
    return wanted


def period_end(facts: TermFacts, at: datetime) -> datetime:
    """The end of a subscription's period that begins at `at`; months are clamped to their last day."""
    return add_months(at, MONTHS_OF[Interval(facts.interval)] * facts.interval_count)


def license_terms(facts: TermFacts, *, seats: int, at: datetime) -> dict[str, Any]:
    """What the license differs in from its plan, under the names of `licenses.terms.TERMS`.

    `seats` 0 leaves the plan's number.
    """
    terms: dict[str, Any] = {"starts_at": at}
    if seats:
        terms["seats"] = seats
    if facts.type == OfferType.SUBSCRIPTION:
        terms["expires_at"] = period_end(facts, at)
    elif facts.perpetual:
        terms["perpetual"] = True
    else:
        terms["days"] = facts.days
    return terms


def maintenance_end(facts: TermFacts, at: datetime) -> datetime | None:
    """Until when a perpetual license may use new releases; None when the offer does not say (E32)."""
    if not facts.perpetual or not facts.maintenance:
        return None
    return at.replace(microsecond=0) + timedelta(days=facts.maintenance_days)


def maintenance_extended(end: datetime | None, *, days: int, at: datetime) -> datetime:
    """The end of maintenance after a renewal: counted from the old end, or from `at` when that is past (E32)."""
    return max(end or at, at).replace(microsecond=0) + timedelta(days=days)


def maintenance_left(end: datetime | None, paid: Iterable[tuple[datetime, int]]) -> datetime | None:
    """The end that renewals give which are still paid: when each was paid, and its days, oldest first.

    `end` is what it was before the first. So a renewal that was paid back takes what it gave, and no more.
    """
    for at, days in paid:
        end = maintenance_extended(end, days=days, at=at)
    return end
