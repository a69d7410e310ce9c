from __future__ import annotations

from datetime import timedelta

import pytest

from history.domain.leaves import event_leaf
from history.domain.merkle import Frontier, leaf_hash
from history.models import Entry, Event, TreeHead, TreeNode
from history.services import sequence, verify
from history.services.sequencing import SETTLE, SWEEP, head_frontier, waiting

pytestmark = pytest.mark.django_db


def column(name):
    return list(Entry.objects.order_by("position").values_list(name, flat=True))


def test_positions_are_gapless_from_zero_in_the_order_of_recording(at, happen):
    events = happen(5)
    assert sequence(at=at) == 5
    happen(3)
    assert sequence(at=at) == 3
    assert column("position") == list(range(8))
    assert column("event_id")[:5] == [event.pk for event in events]


def test_nothing_is_sequenced_twice(at, happen):
    happen(3)
    assert sequence(at=at) == 3
    assert sequence(at=at) == 0
    assert not waiting().exists()


def test_a_leaf_is_what_the_event_says(at, happen):
    (event,) = happen()
    sequence(at=at)
    kept = Event.objects.get(pk=event.pk)
    names = ("uid", "kind", "subject", "account", "actor", "data", "at", "recorded_at")
    assert bytes(kept.entry.leaf_hash) == leaf_hash(
        event_leaf(**{name: getattr(kept, name) for name in names})
    )


def test_the_head_is_over_all_entries_and_tiles_are_kept(at, happen):
    happen(700)
    sequence(at=at, limit=100)
    sequence(at=at)
    frontier = Frontier()
    tiles = [tile for leaf in column("leaf_hash") for tile in frontier.append(bytes(leaf))]
    assert head_frontier(TreeHead.objects.get()).root() == frontier.root()
    stored = TreeNode.objects.order_by("level", "number").values_list("level", "number", "hash")
    assert [(level, number, bytes(value)) for level, number, value in stored] == tiles
    assert len(tiles) == 2


def test_a_limit_is_kept(at, happen):
    happen(10)
    assert sequence(at=at, limit=4) == 4
    assert sequence(at=at, limit=4) == 4
    assert sequence(at=at, limit=4) == 2


def settle(at):
    """Let time pass until the floor has followed the tree; return the time that it took."""
    for _ in range(2):
        at += SETTLE
        sequence(at=at)
    return at


def test_the_floor_follows_the_tree_at_a_distance(at, happen):
    events = happen(5)
    sequence(at=at)
    assert TreeHead.objects.get().floor_id == 0
    settle(at)
    assert TreeHead.objects.get().floor_id == events[-1].pk


def hide(event):
    """Make an event look like one whose transaction is still open; the way back commits it late."""
    row = Event.objects.filter(pk=event.pk).values().get()
    return Event(**row)


def late(happen, tamper):
    """Four events, the second of which commits when the others are long sequenced."""
    events = happen(4)
    hidden = hide(events[1])
    tamper(f"DELETE FROM history_event WHERE id = {hidden.pk}")
    return hidden


def test_a_late_commit_above_the_floor_is_found_at_once(at, happen, tamper):
    hidden = late(happen, tamper)
    assert sequence(at=at) == 3
    hidden.save(force_insert=True)
    assert sequence(at=at) == 1
    assert column("event_id")[-1] == hidden.pk


def test_a_late_commit_below_the_floor_is_found_by_the_sweep(at, happen, tamper):
    hidden = late(happen, tamper)
    sequence(at=at)
    later = settle(at)
    hidden.save(force_insert=True)
    assert sequence(at=later) == 0
    assert sequence(at=at + SWEEP + timedelta(seconds=1)) == 1
    assert verify().ok


def test_a_row_that_has_no_leaf_stops_nobody(at, happen, tamper):
    events = happen(3)
    tamper(f"UPDATE history_event SET data = '{{\"n\": 9007199254740993}}' WHERE id = {events[1].pk}")
    assert sequence(at=at) == 2
    assert column("event_id") == [events[0].pk, events[2].pk]
    assert verify().waiting == 1
