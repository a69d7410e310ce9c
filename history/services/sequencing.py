"""Giving committed events their places in the tree.

One lock, the row of `TreeHead`, makes sequencing one at a time; nobody who records an event waits for it.

Finding what has no place yet must stay cheap among millions of events and must not lose the event of a
transaction that committed late, when events with greater ids were long sequenced. So a run looks only
above a floor. The floor follows the tree at a distance: an id becomes the floor once it has been behind
the tree for SETTLE. A transaction open for longer than that can still bring an event below the floor:
every SWEEP all events are looked through, without the lock, and what is found is sequenced first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from config.kit.enqueue import debounce
from config.kit.statements import insert_many
from history.domain.canonical import NotCanonicalError
from history.domain.leaves import row_hash
from history.domain.merkle import HASH_BYTES, Frontier
from history.models import Entry, Event, TreeHead, TreeNode
from history.rows import as_bytes, event_texts

BATCH = 2000
SETTLE = timedelta(minutes=2)
SWEEP = timedelta(minutes=10)

log = structlog.get_logger(__name__)


def sequence(*, at: datetime, limit: int = 50_000) -> int:
    """Give up to `limit` waiting events their positions and extend the tree; return how many.

    Safe to run at any time, in parallel and again: entries, nodes and head change in one transaction.
    """
    done, seen = 0, 0
    for ids in _late(at, limit):
        done += _sequence_batch(at, size=BATCH, ids=ids).sequenced
    while done < limit:
        asked = min(BATCH, limit - done)
        # Only the first batch looks from the floor: what commits below `seen` meanwhile is the next run's.
        batch = _sequence_batch(at, size=asked, above=seen)
        done, seen = done + batch.sequenced, batch.seen
        if batch.found < asked:
            break
    if done:
        debounce("history.read_feeds")
    return done


def waiting(above: int = 0) -> QuerySet[Event]:
    """Return the committed events that have no place in the tree yet, of those with an id above `above`."""
    # The bound stands on both sides of the anti-join, or the database reads every entry to skip to it.
    entries = Entry.objects.filter(event=OuterRef("pk"), event_id__gt=above)
    return Event.objects.filter(~Exists(entries), id__gt=above).order_by("id")


def head_frontier(head: TreeHead) -> Frontier:
    """Return the right edge of the stored tree; ValueError when the head has been tampered with."""
    stored = as_bytes(head.frontier)
    hashes = [stored[start : start + HASH_BYTES] for start in range(0, len(stored), HASH_BYTES)]
    return Frontier(head.size, hashes)


def lock_head() -> TreeHead:
    """Return the head of the tree, locked until the transaction ends."""
    head, _ = TreeHead.objects.select_for_update().get_or_create(pk=TreeHead.ONLY)
    return head


@dataclass(slots=True)
class _Growth:
    """What a batch adds to the tree."""

    frontier: Frontier
    entries: list[Entry] = field(default_factory=list)
    nodes: list[TreeNode] = field(default_factory=list)
    found: int = 0
    seen: int = 0
    last_id: int = 0

    @property
    def sequenced(self) -> int:
        return len(self.entries)

    def add(self, event_id: int, leaf: bytes) -> None:
        self.entries.append(Entry(position=self.frontier.size, event_id=event_id, leaf_hash=leaf))
        for level, number, value in self.frontier.append(leaf):
            self.nodes.append(TreeNode(level=level, number=number, hash=value))


@transaction.atomic
def _sequence_batch(at: datetime, *, size: int, above: int = 0, ids: Sequence[int] = ()) -> _Growth:
    """Sequence up to `size` events: those of `ids`, or the first ones above the floor and `above`."""
    head = lock_head()
    events = waiting().filter(id__in=ids) if ids else waiting(max(above, head.floor_id))
    growth = _Growth(head_frontier(head), last_id=head.last_id)
    for event_id, *row in events.values_list("id", *event_texts())[:size]:
        growth.found, growth.seen = growth.found + 1, event_id
        _grow(growth, event_id, tuple(row))
    insert_many(growth.entries)
    insert_many(growth.nodes)
    _move_head(head, growth, at, drained=not ids and growth.found < size)
    return growth


def _grow(growth: _Growth, event_id: int, row: tuple[Any, ...]) -> None:
    try:
        growth.add(event_id, row_hash(row))
    except NotCanonicalError as error:
        # Only a hand that wrote into the table past `record` makes such a row; it must not stop the rest.
        log.error("event_has_no_canonical_form", event_id=event_id, reason=str(error))  # noqa: TRY400 - the reason says all; a traceback would show the data
    growth.last_id = max(growth.last_id, event_id)


def _move_head(head: TreeHead, growth: _Growth, at: datetime, *, drained: bool) -> None:
    before = (head.size, head.floor_id, head.settling_id)
    head.size = growth.frontier.size
    head.frontier = b"".join(growth.frontier.subtrees)
    head.last_id = growth.last_id
    if drained:
        _settle(head, at)
    if before != (head.size, head.floor_id, head.settling_id):
        head.save(force_update=True)


def _settle(head: TreeHead, at: datetime) -> None:
    """Let the floor follow. Everything visible above it has just been sequenced."""
    if head.settling_at is not None and at - head.settling_at < SETTLE:
        return
    if head.settling_at is not None:
        head.floor_id = max(head.floor_id, head.settling_id)
    head.settling_id, head.settling_at = head.last_id, at


def _late(at: datetime, limit: int) -> Iterator[list[int]]:
    """Yield ids of waiting events below the floor, when it is time to look; reads without the lock."""
    head, _ = TreeHead.objects.get_or_create(pk=TreeHead.ONLY)
    if head.swept_at is not None and at - head.swept_at < SWEEP:
        return
    ids = list(waiting().filter(id__lte=head.floor_id).values_list("id", flat=True)[:limit])
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]
    TreeHead.objects.filter(pk=TreeHead.ONLY).update(swept_at=at)
