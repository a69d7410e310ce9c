"""Events that never arrived, found in Stripe's own list and worked on like the rest (trust: Stripe)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from billing import gateway
from billing.domain.enums import InboxState
from billing.domain.stripe_events import NOUNS
from billing.models import MerchantProfile, StripeEvent
from billing.services.inbox import event_store
from billing.services.processing import event_process

EVERY = 100


@dataclass(slots=True)
class Reconciled:
    """How many events Stripe listed, how many of them had not arrived, and how those ended."""

    listed: int = 0
    missed: int = 0
    done: int = 0
    ignored: int = 0
    parked: int = 0
    waiting: int = 0


def reconcile(
    *,
    merchant: MerchantProfile,
    since: datetime,
    clock: Callable[[], datetime],
    progress: Callable[[str], None] = lambda _line: None,
) -> Reconciled:
    """Take up every event since an instant that Stripe has and we have not; Stripe lists those of 30 days.

    Safe to repeat and to interrupt. The oldest is worked on first. `progress` gets a line for people now and
    then. Raises StripeUnavailable.
    """
    found = Reconciled()
    missed: list[int] = []
    for event in gateway.events_since(merchant, since=since, types=sorted(NOUNS)):
        found.listed += 1
        pk = event_store(merchant_id=merchant.pk, payload=event.body, at=clock())
        if pk is not None:
            missed.append(pk)
        if found.listed % EVERY == 0:
            progress(f"{found.listed:,} events looked at, {len(missed):,} had not arrived")
    found.missed = len(missed)
    for number, pk in enumerate(reversed(missed), 1):
        _work(pk, found, clock())
        if number % EVERY == 0:
            progress(f"{number:,} of {found.missed:,} worked on")
    return found


def _work(pk: int, found: Reconciled, at: datetime) -> None:
    event_process(pk=pk, at=at)
    match StripeEvent.objects.values_list("state", flat=True).get(pk=pk):
        case InboxState.DONE:
            found.done += 1
        case InboxState.IGNORED:
            found.ignored += 1
        case InboxState.PARKED:
            found.parked += 1
        case _:
            found.waiting += 1
