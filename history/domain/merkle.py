"""The Merkle tree of RFC 6962: hashes, proofs and their verification (RFC 9162 §2.1.3.2, §2.1.4.2).

A hash is 32 bytes of SHA-256. Leaves are numbered from 0. Verification answers True or False for any
input: a malformed proof is a proof that does not verify.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of one leaf: SHA-256(0x00 ‖ leaf)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash over two subtrees: SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def fold(subtrees: Sequence[bytes]) -> bytes:
    """Return the root over the complete subtrees of a tree, given from left (largest) to right."""
    if not subtrees:
        return EMPTY_ROOT
    root = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        root = node_hash(left, root)
    return root


def verify_inclusion(*, index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Say whether `proof` shows the leaf hash `leaf` at `index` of the tree of `size` leaves and `root`."""
    if not 0 <= index < size or not _are_hashes((leaf, root, *proof)):
        return False
    here, last, value = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if here & 1 or here == last:
            value = node_hash(sibling, value)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and value == root


def verify_consistency(*, size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> bool:
    """Say whether `proof` shows that the tree `size1`, `root1` is the beginning of the tree `size2`, `root2`.

    A tree of size 0 begins every tree and proves nothing: it is refused, as any growth from it is.
    """
    if not 0 < size1 <= size2:
        return False
    if size1 == size2:
        return not proof and root1 == root2
    if not proof or not _are_hashes((root1, root2, *proof)):
        return False
    path = list(proof) if size1 & (size1 - 1) else [root1, *proof]
    return _replay(path, size1 - 1, size2 - 1) == (root1, root2)


def _replay(path: Sequence[bytes], here: int, last: int) -> tuple[bytes, bytes] | None:
    """Return both roots that a consistency path leads to, or None when its length does not fit."""
    while here & 1:
        here, last = here >> 1, last >> 1
    first = second = path[0]
    for node in path[1:]:
        if last == 0:
            return None
        if here & 1 or here == last:
            first, second = node_hash(node, first), node_hash(node, second)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            second = node_hash(second, node)
        here, last = here >> 1, last >> 1
    return (first, second) if last == 0 else None


def _are_hashes(values: Iterable[bytes]) -> bool:
    return all(len(value) == HASH_BYTES for value in values)


# --- which subtrees a proof consists of -------------------------------------------------------------

Span = tuple[int, int]
"""A half-open range of leaves whose root is one node of a proof."""


def inclusion_path(index: int, size: int) -> list[Span]:
    """Return the spans of the inclusion proof of leaf `index` in a tree of `size`, from the leaf upwards.

    RFC 6962 §2.1.1. Raises ValueError when the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    spans: list[Span] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            spans.append((middle, high))
            high = middle
        else:
            spans.append((low, middle))
            low = middle
    return spans[::-1]


def consistency_path(size1: int, size2: int) -> list[Span]:
    """Return the spans of the consistency proof between two sizes of a tree (RFC 6962 §2.1.2).

    Raises ValueError unless 0 < size1 <= size2.
    """
    if not 0 < size1 <= size2:
        raise ValueError(f"no consistency proof leads from {size1} to {size2} leaves")
    spans: list[Span] = []
    low, high = 0, size2
    while size1 < high:
        middle = low + _split(high - low)
        if size1 <= middle:
            spans.append((middle, high))
            high = middle
        else:
            spans.append((low, middle))
            low = middle
    # The old tree itself is known to whoever checks; any other start must be told.
    return [*([(low, high)] if low else []), *spans[::-1]]


def complete_subtrees(low: int, high: int) -> list[tuple[int, int]]:
    """Return (level, number) of the complete subtrees that cover the leaves [low, high), from the left.

    `low` must be a multiple of the largest of them, as it is for every span of a proof.
    """
    subtrees = []
    while low < high:
        level = (high - low).bit_length() - 1
        subtrees.append((level, low >> level))
        low += 1 << level
    return subtrees


def _split(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


# --- a tree that is kept in tiles -------------------------------------------------------------------

TILE_HEIGHT = 8
"""Subtree roots are stored at every eighth level; any other node is at most 255 hashes away."""

Source = Callable[[int, int, int], Sequence[bytes]]
"""Gives `count` stored hashes of a level (0, 8, 16 …) from number `first`: source(level, first, count)."""


def span_root(span: Span, source: Source) -> bytes:
    """Return the root over a span of leaves, reading at most 255 hashes a stored level."""
    low, high = span
    return fold([_subtree(level, number, source) for level, number in complete_subtrees(low, high)])


def tree_root(size: int, source: Source) -> bytes:
    """Return the root of the first `size` leaves."""
    return span_root((0, size), source)


def _subtree(level: int, number: int, source: Source) -> bytes:
    above = level % TILE_HEIGHT
    stored = level - above
    hashes = list(source(stored, number << above, 1 << above))
    if len(hashes) != 1 << above:
        raise MissingNodesError(stored, number << above)
    while len(hashes) > 1:
        hashes = [node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


class MissingNodesError(Exception):
    """The store has fewer hashes than the tree's size says."""

    def __init__(self, level: int, first: int) -> None:
        super().__init__(f"hashes of level {level} are missing from number {first}")


class Frontier:
    """The right edge of a growing tree: the roots of its complete subtrees, O(log n) in memory."""

    def __init__(self, size: int = 0, subtrees: Iterable[bytes] = ()) -> None:
        """Take up a tree of `size` leaves at `subtrees`, left to right; ValueError when they do not fit."""
        self.size = size
        self.subtrees = list(subtrees)
        if size < 0 or len(self.subtrees) != size.bit_count() or not _are_hashes(self.subtrees):
            raise ValueError(f"a tree of {size} leaves has another frontier")

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf hash; return (level, number, hash) of each tile root that it completed."""
        number, level, tiles = self.size, 0, []
        subtrees = self.subtrees
        value = leaf
        while number & 1:
            value = sha256(b"\x01" + subtrees.pop() + value).digest()
            number, level = number >> 1, level + 1
            if not level % TILE_HEIGHT:
                tiles.append((level, number, value))
        subtrees.append(value)
        self.size += 1
        return tiles

    def root(self) -> bytes:
        """Return the root of the whole tree."""
        return fold(self.subtrees)
