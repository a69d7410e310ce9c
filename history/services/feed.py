"""Readers: other apps that follow the history, each event once, in order, at its own pace.

A reader's cursor moves in the transaction in which its handler works, so an event is handled exactly once
in the reader's own tables, whatever crashes. A handler that raises is tried again at the next runs and
then parked: the feed goes on, and staff can run the event again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog
from django.db import connection, transaction

from config.kit.errors import Conflict, NotFound
from config.kit.locks import locked
from history.domain.kinds import Kind
from history.models import Event, ParkedEvent, Reader
from history.selectors import tree_size
from history.services.recording import record

ATTEMPTS = 3
WINDOW = 1000
LONGEST_ERROR = 2000

log = structlog.get_logger(__name__)


class Handler(Protocol):
    """Does a reader's work for one event, in the transaction that moves its cursor. No network here."""

    def __call__(self, event: Event, *, at: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class _Subscription:
    handler: Handler
    kinds: frozenset[str] | None
    from_start: bool


_subscriptions: dict[str, _Subscription] = {}


class RerunFailed(Conflict):
    code = "rerun_failed"
    title = "The event failed again."


def reader_register(
    name: str, handler: Handler, *, kinds: Iterable[Kind] | None = None, from_start: bool = True
) -> None:
    """Name a reader and its handler; to be called in an app's `ready`.

    `kinds` are those it wants; others are passed over a thousand at a time. A reader that is new to the
    installation begins with the first event, or, without `from_start`, with the next.
    """
    wanted = None if kinds is None else frozenset(kind.value for kind in kinds)
    _subscriptions[name] = _Subscription(handler, wanted, from_start)


def reader_unregister(name: str) -> None:
    """Forget a reader; its cursor stays."""
    _subscriptions.pop(name, None)


def readers_ensure(*, at: datetime) -> None:
    """Make the cursors of readers that are new to the installation.

    Called after each migration: a reader that begins "with the next event" begins then, not at its first
    run, when events that it should have seen may have places already.
    """
    size = tree_size()
    for name in _subscriptions:
        _reader_ensure(name, size, at)


def readers_behind(*, at: datetime) -> list[str]:
    """Return the registered readers that have events to read; makes the cursors of new ones."""
    size = tree_size()
    positions = dict(Reader.objects.values_list("name", "position"))
    for name in _subscriptions.keys() - positions.keys():
        positions[name] = _reader_ensure(name, size, at).position
    return sorted(name for name in _subscriptions if positions[name] < size)


def reader_run(name: str, *, at: datetime, limit: int = 1000) -> int:
    """Let a reader handle up to `limit` events; return how many it moved past.

    Stops early at an event that failed and is to be tried again, and when another worker has this reader.
    Raises NotFound for a name that no app registered.
    """
    subscription = _subscriptions.get(name)
    if subscription is None:
        raise NotFound(f"There is no reader {name!r}.")
    _reader_ensure(name, tree_size(), at)
    moved = 0
    while moved < limit:
        try:
            steps = _step(name, subscription, at)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises, the feed goes on
            steps = _failed(name, error, at)
        if not steps:
            break
        moved += steps
    return moved


def parked_rerun(*, parked_id: int, actor: str, at: datetime) -> ParkedEvent:
    """Run a parked event again. Raises NotFound, Conflict when it is done already, RerunFailed."""
    try:
        with transaction.atomic():
            parked = _lock_parked(parked_id)
            _subscriptions[parked.reader_id].handler(parked.event, at=at)
            parked.state, parked.done_at = ParkedEvent.State.DONE, at
            parked.save(update_fields=["state", "done_at"])
            _record_rerun(parked, actor, at)
            return parked
    except (Conflict, NotFound):
        raise
    except Exception as error:
        _note_failed_rerun(parked_id, error)
        raise RerunFailed(_text(error)) from error


def _reader_ensure(name: str, size: int, at: datetime) -> Reader:
    start = 0 if _subscriptions[name].from_start else size
    reader, _ = Reader.objects.get_or_create(name=name, defaults={"position": start, "moved_at": at})
    return reader


def _claim(name: str) -> Reader | None:
    """Return the reader, locked, or None when another worker has it."""
    skip = connection.features.has_select_for_update_skip_locked
    return Reader.objects.select_for_update(skip_locked=skip).filter(name=name).first()


@transaction.atomic
def _step(name: str, subscription: _Subscription, at: datetime) -> int:
    """Handle the next wanted event and move past it; return how many positions that was."""
    reader = _claim(name)
    if reader is None:
        return 0
    start, end = reader.position, min(tree_size(), reader.position + WINDOW)
    event = _next(subscription, start, end)
    if event is not None:
        end = event.entry.position + 1
        subscription.handler(event, at=at)
    if end > start:
        _move(reader, end, at)
    return end - start


def _next(subscription: _Subscription, start: int, end: int) -> Event | None:
    events = Event.objects.filter(entry__position__gte=start, entry__position__lt=end)
    if subscription.kinds is not None:
        events = events.filter(kind__in=subscription.kinds)
    return events.select_related("entry").order_by("entry__position").first()


def _move(reader: Reader, position: int, at: datetime) -> None:
    reader.position, reader.moved_at = position, at
    reader.attempts, reader.error = 0, ""
    reader.save(update_fields=["position", "moved_at", "attempts", "error"])


@transaction.atomic
def _failed(name: str, error: Exception, at: datetime) -> int:
    """Count the failure, in a transaction of its own, and park the event at the last one allowed."""
    log.warning("reader_failed", reader=name, error=_text(error))
    reader = _claim(name)
    if reader is None:
        return 0
    reader.attempts, reader.error = reader.attempts + 1, _text(error)
    if reader.attempts < ATTEMPTS:
        reader.save(update_fields=["attempts", "error"])
        return 0
    return _park(reader, at)


def _park(reader: Reader, at: datetime) -> int:
    start = reader.position
    event = _next(_subscriptions[reader.name], start, min(tree_size(), start + WINDOW))
    if event is None:
        return 0
    ParkedEvent.objects.get_or_create(
        reader=reader,
        event=event,
        defaults={"attempts": reader.attempts, "error": reader.error, "parked_at": at},
    )
    _move(reader, event.entry.position + 1, at)
    return event.entry.position + 1 - start


def _lock_parked(parked_id: int) -> ParkedEvent:
    parked = locked(ParkedEvent.objects.filter(pk=parked_id)).first()
    if parked is None:
        raise NotFound("There is no such parked event.")
    if parked.state != ParkedEvent.State.PARKED:
        raise Conflict("This event has been handled already.")
    if parked.reader_id not in _subscriptions:
        raise Conflict(f"No reader {parked.reader_id} is installed.")
    return parked


def _record_rerun(parked: ParkedEvent, actor: str, at: datetime) -> None:
    record(
        kind=Kind.EVENT_RERUN,
        subject=f"event:{parked.event.uid}",
        account=parked.event.account,
        actor=actor,
        data={"reader": parked.reader_id, "attempts": parked.attempts},
        at=at,
    )


@transaction.atomic
def _note_failed_rerun(parked_id: int, error: Exception) -> None:
    parked = _lock_parked(parked_id)
    parked.attempts, parked.error = parked.attempts + 1, _text(error)
    parked.save(update_fields=["attempts", "error"])


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
