"""Checking the whole history: every event, every node of the tree, every checkpoint, in constant memory.

What this can and cannot show. A changed, deleted, swapped or inserted event is found against the stored
tree; a rewritten tree is found against the signed checkpoints; checkpoints that were forged or deleted
too, by whoever has the database and the key-encryption key, are found only against a checkpoint file and
a verifier key that were kept elsewhere. An event that was never sequenced leaves no trace.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Max

from history.domain.canonical import NotCanonicalError
from history.domain.leaves import row_hash
from history.domain.merkle import Frontier
from history.domain.notes import BadNoteError, TreeState, VerifierKey, read_checkpoint
from history.models import Checkpoint, CheckpointKey, Entry, Event, TreeHead, TreeNode
from history.rows import as_bytes, event_texts
from history.selectors import tree_size
from history.services.sequencing import head_frontier, waiting
from history.triggers import unprotected

CHUNK = 2048
PROTECTED = ("history_event", "history_entry", "history_treenode", "history_checkpoint")
_FIELDS: tuple[Any, ...] = ("position", "leaf_hash", *event_texts("event__"))

Row = tuple[Any, ...]
Progress = Callable[[int, int], None]
"""Told how many of how many entries are checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong first. It lies at `first`, or, when only a root gives it away, not beyond `last`."""

    first: int
    last: int
    cause: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What `verify` found: `problem` is None for a sound history."""

    problem: Problem | None
    size: int
    root: bytes
    checkpoints: int
    waiting: int
    unprotected: list[str]

    @property
    def ok(self) -> bool:
        return self.problem is None


class _Found(Exception):
    """Ends the run at the first problem."""

    def __init__(self, cause: str, detail: str, first: int, last: int | None = None) -> None:
        super().__init__(detail)
        self.problem = Problem(first=first, last=first if last is None else last, cause=cause, detail=detail)


@dataclass(frozen=True, slots=True, order=True)
class _Statement:
    """A checkpoint to be met on the way."""

    size: int
    root: bytes
    name: str
    fault: str = ""


def verify(
    *,
    notes: Iterable[bytes] = (),
    keys: Sequence[VerifierKey] = (),
    progress: Progress | None = None,
) -> Verification:
    """Check the history from the first entry to the last, and against checkpoint `notes` kept elsewhere.

    `keys` are the verifier keys to trust for `notes`; without them, those in the database. The history
    may grow meanwhile: what is checked is the tree as it was at the start.
    """
    audit = _Audit(progress)
    problem = None
    try:
        audit.run([_foreign(note, keys or _own_keys()) for note in notes])
    except _Found as found:
        problem = found.problem
    return Verification(
        problem=problem,
        size=audit.size,
        root=audit.frontier.root(),
        checkpoints=audit.checkpoints,
        waiting=waiting().count(),
        unprotected=unprotected(connection, PROTECTED),
    )


def _own_keys() -> list[VerifierKey]:
    return list(_keys_by_id().values())


def _keys_by_id() -> dict[int, VerifierKey]:
    keys = {}
    for key in CheckpointKey.objects.all():
        with suppress(BadNoteError, TypeError):  # a row that was tampered with is no key
            keys[key.pk] = key.verifier_key
    return keys


def _foreign(note: bytes, keys: Sequence[VerifierKey]) -> _Statement:
    try:
        state = read_checkpoint(note, keys)
    except BadNoteError as error:
        raise _Found("checkpoint_unreadable", f"A checkpoint file: {error}.", 0) from error
    if state.origin not in {key.name for key in keys}:
        raise _Found("checkpoint_unreadable", f"A checkpoint file is of another log: {state.origin}.", 0)
    return _Statement(state.size, state.root, "a checkpoint file")


class _Audit:
    """One run through the history."""

    def __init__(self, progress: Progress | None) -> None:
        # Checkpoints are made of what is sequenced: looked up first, none of them can be ahead of the head.
        self._last_checkpoint = Checkpoint.objects.aggregate(last=Max("id"))["last"] or 0
        self._head = TreeHead.objects.filter(pk=TreeHead.ONLY).first() or TreeHead()
        self._progress = progress
        self._proven = 0
        self.size = self._head.size
        self.frontier = Frontier()
        self.checkpoints = 0

    def run(self, foreign: list[_Statement]) -> None:
        statements = heapq.merge(self._stored_statements(), sorted(foreign))
        expected = next(statements, None)
        for start in range(0, self.size, CHUNK):
            hashes = self._hashes(start, min(start + CHUNK, self.size))
            tiles = []
            for value in hashes:
                while expected is not None and expected.size == self.frontier.size:
                    self._meet(expected)
                    expected = next(statements, None)
                tiles += self.frontier.append(value)
            self._compare_nodes(tiles)
            if self._progress:
                self._progress(self.frontier.size, self.size)
        while expected is not None:
            self._meet(expected)
            expected = next(statements, None)
        self._compare_head()

    # --- events and entries

    def _hashes(self, start: int, end: int) -> list[bytes]:
        """Return the leaf hashes of [start, end), recomputed from the events and equal to the stored ones."""
        try:
            rows = list(_rows(start, end))
        except Exception as error:  # a row that was tampered with can break any converter
            raise self._unreadable(start, end, error) from error
        hashes = []
        position = start
        for position, row in enumerate(rows, start):
            if row[0] != position:
                raise _missing(position)
            hashes.append(self._hash(position, row))
        if len(rows) != end - start:
            raise _missing(start + len(rows))
        return hashes

    def _hash(self, position: int, row: Row) -> bytes:
        try:
            value = row_hash(row[2:])
        except NotCanonicalError as error:
            raise _Found(
                "event_unreadable", f"The event has no canonical form: {error}.", position
            ) from error
        if value != as_bytes(row[1]):
            raise _Found("event_changed", "The event is not the one that was sequenced here.", position)
        return value

    def _unreadable(self, start: int, end: int, error: Exception) -> _Found:
        for position in range(start, end):
            try:
                list(_rows(position, position + 1))
            except Exception as cause:  # noqa: BLE001 - as above
                return _Found("event_unreadable", f"The event cannot be read: {cause!r}.", position)
        raise error

    # --- tree

    def _compare_nodes(self, tiles: list[tuple[int, int, bytes]]) -> None:
        for level in sorted({level for level, _, _ in tiles}):
            expected = {number: value for of, number, value in tiles if of == level}
            stored = TreeNode.objects.filter(level=level, number__in=list(expected))
            values = {number: as_bytes(value) for number, value in stored.values_list("number", "hash")}
            for number, value in sorted(expected.items()):
                if values.get(number) != value:
                    first = number << level
                    detail = f"Node {number} of level {level} is not over these entries."
                    raise _Found("tree_changed", detail, first, first + (1 << level) - 1)

    def _compare_head(self) -> None:
        # Read in this order: the head moves in the transaction that adds entries.
        last = Entry.objects.aggregate(last=Max("position"))["last"]
        size = tree_size()
        if last is not None and last >= size:
            raise _Found("entry_beyond_head", "There are entries beyond the head of the tree.", size, last)
        try:
            same = head_frontier(self._head).subtrees == self.frontier.subtrees
        except ValueError:
            same = False
        if not same:
            raise _Found("head_changed", "The head of the tree is not over these entries.", self.size)
        for level in range(8, 64, 8):
            if TreeNode.objects.filter(level=level, number__gte=max(size, self.size) >> level).exists():
                raise _Found("tree_changed", f"Level {level} has nodes beyond the tree.", self.size)

    # --- checkpoints

    def _meet(self, statement: _Statement) -> None:
        if statement.fault:
            raise _Found("checkpoint_changed", statement.fault, self._proven, max(statement.size - 1, 0))
        if statement.size > self.size:
            detail = f"{statement.name} was signed over {statement.size} entries; {self.size} are left."
            raise _Found("history_truncated", detail, self.size, statement.size - 1)
        if statement.root != self.frontier.root():
            first, last = min(self._proven, statement.size), max(statement.size - 1, 0)
            detail = f"{statement.name} was signed over another history."
            raise _Found("checkpoint_mismatch", detail, first, last)
        self._proven = statement.size
        self.checkpoints += 1

    def _stored_statements(self) -> Iterator[_Statement]:
        """Yield the stored checkpoints by size; each must say in its note what it says in its columns."""
        keys, size = _keys_by_id(), -1
        while True:
            rows = Checkpoint.objects.filter(size__gt=size, id__lte=self._last_checkpoint).order_by("size")
            batch = list(rows[:CHUNK])
            for row in batch:
                yield _statement(row, keys.get(row.key_id))
                size = row.size
            if len(batch) < CHUNK:
                return


def _statement(row: Checkpoint, key: VerifierKey | None) -> _Statement:
    """Return what a stored checkpoint says; a fault is told when its place is reached, not before."""
    name, fault = f"Checkpoint {row.pk}", ""
    try:
        state = read_checkpoint(row.note.encode(), [key] if key else [])
        if key is None or state != TreeState(key.name, row.size, as_bytes(row.root)):
            fault = f"{name} says something else in its note."
    except (BadNoteError, UnicodeEncodeError, AttributeError) as error:
        fault = f"{name}: {error}."
    return _Statement(row.size, as_bytes(row.root), name, fault)


def _rows(start: int, end: int) -> Iterable[Row]:
    entries = Entry.objects.filter(position__gte=start, position__lt=end).order_by("position")
    return entries.values_list(*_FIELDS)


def _missing(position: int) -> _Found:
    event_id = Entry.objects.filter(position=position).values_list("event_id", flat=True).first()
    if event_id is not None and not Event.objects.filter(pk=event_id).exists():
        return _Found("event_missing", f"The event (row {event_id}) of this entry was deleted.", position)
    return _Found("entry_missing", "The entry was deleted.", position)
