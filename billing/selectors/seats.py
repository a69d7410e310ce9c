"""Seats of our own license that the catalogue takes: one for each active offer (E26)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Count, Q

from billing.models import MerchantProfile, Offer
from config.kit.locks import locked

Source = Callable[[], int | None]


def _unlimited() -> int | None:
    return None


_sources: list[Source] = [_unlimited]


def limit_register(source: Source) -> Callable[[], None]:
    """Say who knows how many active offers our own license allows (None: any number); return what undoes it."""
    _sources.append(source)
    return lambda: _sources.remove(source)


def seat_limit() -> int | None:
    """How many active offers our own license allows; None while nothing limits them."""
    return _sources[-1]()


@dataclass(frozen=True, slots=True)
class SeatUsage:
    """Active offers by who keeps them, and what is left. None is no bound."""

    config_managed: int
    custom: int
    limit: int | None

    @property
    def total(self) -> int:
        return self.config_managed + self.custom

    @property
    def available(self) -> int | None:
        return None if self.limit is None else max(0, self.limit - self.total)


def seat_usage() -> SeatUsage:
    """How many seats the active offers take (E26)."""
    by_file = Q(config_managed=True)
    counts = Offer.objects.filter(active=True).aggregate(
        config=Count("pk", filter=by_file), custom=Count("pk", filter=~by_file)
    )
    return SeatUsage(counts["config"], counts["custom"], seat_limit())


def seat_queue() -> None:
    """Wait for whoever activates an offer, until the transaction ends: on the row of the default profile.

    Call it before anything of an offer is locked.
    """
    if seat_limit() is not None:
        list(locked(MerchantProfile.objects.filter(is_default=True)))
