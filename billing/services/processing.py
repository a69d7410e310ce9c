"""Working the inbox off: one worker has an event at a time, by a claim that lapses when the worker dies (C27)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import F, QuerySet

from billing.domain.enums import InboxState
from billing.domain.parking import Reason, next_try
from billing.domain.stripe_events import NOUNS, misdirected
from billing.gateway import StripeMissing, StripeRefused, key_of
from billing.models import StripeEvent
from billing.parked import Early, Parked
from billing.services.handling import Work, event_handle
from billing.services.inbox import subject_of
from config.kit import actors
from config.kit.errors import Refusal, Unavailable
from history.domain.kinds import Kind
from history.services import record

ACTOR = actors.system("stripe")
CLAIM = timedelta(minutes=5)
"""Longer than every call to Stripe of one event together."""
LONGEST = timedelta(minutes=4)
"""Of one sweep, well below what a task may take: the next one goes on."""
FAILURES = 5
"""So often an event is tried that fails on our side, before a person looks at it."""
LONGEST_DETAIL = 1000
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _End:
    """How working on an event ended; `again` when it is tried once more."""

    state: InboxState
    reason: str = ""
    detail: str = ""
    again: datetime | None = None


def events_sweep(*, clock: Callable[[], datetime], limit: int = 200) -> int:
    """Work on what is due, one event after the other; how many. Any number of workers may do so at once."""
    done, until = 0, clock() + LONGEST
    while done < limit and clock() < until:
        due = StripeEvent.objects.filter(state=InboxState.RECEIVED, due_at__lte=clock())
        waiting = list(due.order_by("due_at", "pk").values_list("pk", flat=True)[:20])
        if not waiting:
            break
        for pk in waiting:
            done += event_process(pk=pk, at=clock()) is not None
            if clock() >= until:
                break
    return done


def event_process(*, pk: int, at: datetime) -> InboxState | None:
    """Work on a due event; the state it is in afterwards, None when it is another worker's or not due.

    Never raises for what the event asks for: what fails is tried again, and parked when that does not help.
    Never call it inside a transaction.
    """
    event = _claim(pk, at)
    if event is None:
        return None
    end = _ended(event, at)
    if end.state == InboxState.PARKED:
        _park(event, end, at)
    else:
        _mine(event).update(
            state=end.state, reason=end.reason, detail=end.detail[:LONGEST_DETAIL], due_at=end.again,
            done_at=None if end.again else at,
        )  # fmt: skip
    return end.state


def _claim(pk: int, at: datetime) -> StripeEvent | None:
    free = StripeEvent.objects.filter(pk=pk, state=InboxState.RECEIVED, due_at__lte=at)
    if not free.update(due_at=at + CLAIM, attempts=F("attempts") + 1):
        return None
    return StripeEvent.objects.select_related("merchant").defer("raw").get(pk=pk)


def _mine(event: StripeEvent) -> QuerySet[StripeEvent]:
    """The row as long as this is its last claim: a worker thought dead that comes back changes nothing."""
    return StripeEvent.objects.filter(pk=event.pk, attempts=event.attempts, state=InboxState.RECEIVED)


def _ended(event: StripeEvent, at: datetime) -> _End:  # noqa: PLR0911 - one line for each way in which it ends
    try:
        return _work(event, at)
    except Parked as parked:
        return _End(InboxState.PARKED, parked.reason, parked.detail)
    except StripeMissing as refused:
        return _End(InboxState.PARKED, Reason.OBJECT_MISSING, refused.detail)
    except StripeRefused as refused:
        return _End(InboxState.PARKED, Reason.STRIPE_REFUSED, refused.detail)
    except Early as early:
        return _again(event, early.detail, Reason.NEVER_SETTLED, at)
    except Unavailable as unavailable:
        return _again(event, unavailable.detail, Reason.STRIPE_UNREACHABLE, at)
    except Refusal as refusal:
        return _End(InboxState.PARKED, Reason.REFUSED, f"{refusal.code}: {refusal.detail}")
    except (DatabaseError, InterfaceError) as error:
        log.warning("stripe_event_database", stripe_event=event.event_id, error=repr(error))
        return _again(event, "The database did not answer.", Reason.FAILED, at)
    except Exception as error:
        # A poison event: it must stop no other, and a person hears of it.
        log.exception("stripe_event_failed", stripe_event=event.event_id, type=event.type)
        if event.attempts >= FAILURES:
            return _End(InboxState.PARKED, Reason.FAILED, type(error).__name__)
        return _again(event, type(error).__name__, Reason.FAILED, at)


def _work(event: StripeEvent, at: datetime) -> _End:
    if event.reason in (Reason.UNREADABLE, Reason.SHAPE_UNKNOWN):
        return _End(InboxState.PARKED, event.reason)
    noun = NOUNS.get(event.type)
    if noun is None:
        return _End(InboxState.IGNORED, Reason.NOT_HANDLED)
    merchant = event.merchant
    astray = misdirected(
        livemode=event.livemode, account=event.stripe_account, own_account=merchant.stripe_account,
        key=key_of(merchant),
    )  # fmt: skip
    if astray is not None:
        return _End(InboxState.PARKED, astray)
    told_at = event.created_at or event.received_at
    work = Work(merchant, event.type, event.object_id, told_at, ACTOR, at)
    if event_handle(work, noun):
        return _End(InboxState.DONE)
    return _End(InboxState.IGNORED, Reason.NOT_OURS)


def _again(event: StripeEvent, detail: str, in_the_end: Reason, at: datetime) -> _End:
    due = next_try(attempts=event.attempts, received_at=event.received_at, at=at)
    if due is None:
        return _End(InboxState.PARKED, in_the_end, detail)
    return _End(InboxState.RECEIVED, detail=detail, again=due)


def _park(event: StripeEvent, end: _End, at: datetime) -> None:
    with transaction.atomic():
        parked = _mine(event).update(
            state=InboxState.PARKED,
            reason=end.reason,
            detail=end.detail[:LONGEST_DETAIL],
            due_at=None,
            done_at=at,
        )
        if parked:
            record(
                kind=Kind.STRIPE_EVENT_PARKED,
                subject=subject_of(event),
                actor=ACTOR,
                data={"type": event.type, "reason": end.reason, "attempts": event.attempts},
                at=at,
            )
    log.warning("stripe_event_parked", stripe_event=event.event_id, type=event.type, reason=end.reason)
