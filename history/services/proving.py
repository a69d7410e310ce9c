"""Proofs that a few lines of foreign code can check against a checkpoint they kept."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from config.kit.errors import Conflict, NotFound
from history.domain.leaves import leaf
from history.domain.merkle import TILE_HEIGHT, consistency_path, inclusion_path, span_root, tree_root
from history.models import Checkpoint, Entry, Event, TreeNode
from history.rows import event_texts
from history.selectors import tree_size

TILE = 1 << TILE_HEIGHT


class NotYetProvable(Conflict):
    """The event or the size is beyond what a proof can be given against."""

    code = "not_yet_provable"
    title = "No checkpoint covers that yet: one is made every minute, or by `history checkpoint`."


class StoredNodes:
    """Reads the stored hashes of the tree a tile (256 hashes) at a time: a few queries a proof."""

    def __init__(self) -> None:
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def __call__(self, level: int, first: int, count: int) -> Sequence[bytes]:
        tile, start = divmod(first, TILE)
        return self._tile(level, tile)[start : start + count]

    def _tile(self, level: int, tile: int) -> list[bytes]:
        if (level, tile) not in self._tiles:
            self._tiles[level, tile] = self._read(level, tile * TILE)
        return self._tiles[level, tile]

    def _read(self, level: int, first: int) -> list[bytes]:
        rows: Any
        if level == 0:
            rows = Entry.objects.filter(position__gte=first, position__lt=first + TILE)
            rows = rows.order_by("position").values_list("position", "leaf_hash")
        else:
            rows = TreeNode.objects.filter(level=level, number__gte=first, number__lt=first + TILE)
            rows = rows.order_by("number").values_list("number", "hash")
        hashes = []
        for expected, (number, value) in enumerate(rows, first):
            if number != expected:  # a gap: give only what is certain, the caller misses the rest
                break
            hashes.append(bytes(value))
        return hashes


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionProof:
    """That an event stands in the history, against one checkpoint."""

    event: Event
    leaf: bytes
    leaf_hash: bytes
    position: int
    size: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    def document(self) -> dict[str, Any]:
        """Return the proof as JSON; the keys are those of the transparency-dev/merkle test data and more."""
        return {
            "desc": f"{self.event.kind} {self.event.subject}",
            "leafIdx": self.position,
            "treeSize": self.size,
            "root": _base64(bytes(self.checkpoint.root)),
            "leafHash": _base64(self.leaf_hash),
            "proof": [_base64(value) for value in self.path],
            "leaf": self.leaf.decode(),
            "checkpoint": self.checkpoint.note,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistencyProof:
    """That the history at one size is the beginning of the history at another."""

    size1: int
    size2: int
    root1: bytes
    root2: bytes
    path: tuple[bytes, ...]

    def document(self) -> dict[str, Any]:
        """Return the proof as JSON; the keys are those of the transparency-dev/merkle test data."""
        return {
            "size1": self.size1,
            "size2": self.size2,
            "root1": _base64(self.root1),
            "root2": _base64(self.root2),
            "proof": [_base64(value) for value in self.path],
        }


def inclusion_prove(
    *,
    position: int | None = None,
    uid: UUID | None = None,
    event_id: int | None = None,
    size: int | None = None,
) -> InclusionProof:
    """Prove that an event, named in one of three ways, is in the tree of the latest checkpoint.

    With `size`, in the tree of the checkpoint of that size. Reads O(log n) rows. Raises NotFound for an
    unknown event, NotYetProvable when no such checkpoint covers it.
    """
    entry = _entry(position, uid, event_id)
    checkpoint = _checkpoint(size)
    if entry.position >= checkpoint.size:
        raise NotYetProvable
    nodes = StoredNodes()
    row = Event.objects.values_list(*event_texts()).get(pk=entry.event_id)
    return InclusionProof(
        event=entry.event,
        leaf=leaf(row),
        leaf_hash=bytes(entry.leaf_hash),
        position=entry.position,
        size=checkpoint.size,
        path=tuple(span_root(span, nodes) for span in inclusion_path(entry.position, checkpoint.size)),
        checkpoint=checkpoint,
    )


def consistency_prove(*, size1: int, size2: int) -> ConsistencyProof:
    """Prove that the first `size1` entries are the beginning of the first `size2`.

    Raises NotYetProvable unless 0 < size1 <= size2 <= the size of the tree.
    """
    if not 0 < size1 <= size2 <= tree_size():
        raise NotYetProvable(f"The tree has no sizes {size1} and {size2} in this order.")
    nodes = StoredNodes()
    return ConsistencyProof(
        size1=size1,
        size2=size2,
        root1=tree_root(size1, nodes),
        root2=tree_root(size2, nodes),
        path=tuple(span_root(span, nodes) for span in consistency_path(size1, size2)),
    )


def consistency_path_hashes(size1: int, size2: int) -> list[bytes]:
    """Return the hashes of a consistency proof from the stored nodes; MissingNodesError when some are gone."""
    nodes = StoredNodes()
    return [span_root(span, nodes) for span in consistency_path(size1, size2)]


def _entry(position: int | None, uid: UUID | None, event_id: int | None) -> Entry:
    rows = Entry.objects.select_related("event")
    if position is not None:
        entry, known = rows.filter(position=position).first(), False
    else:
        events = Event.objects.filter(pk=event_id or 0) if uid is None else Event.objects.filter(uid=uid)
        entry, known = rows.filter(event__in=events).first(), events.exists()
    if entry is not None:
        return entry
    if known:
        raise NotYetProvable("The event has no place in the tree yet.")
    raise NotFound("There is no such event in the history.")


def _checkpoint(size: int | None) -> Checkpoint:
    checkpoints = Checkpoint.objects.order_by("-size")
    found = (checkpoints if size is None else checkpoints.filter(size=size)).first()
    if found is None:
        raise NotYetProvable
    return found


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
