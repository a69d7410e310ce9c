"""The history as JSON lines that a foreign tool can verify with SHA-256 and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from history.domain.leaves import leaf
from history.models import Checkpoint, Entry
from history.rows import event_texts

CHUNK = 2000
_FIELDS: tuple[Any, ...] = ("position", "leaf_hash", *event_texts("event__"))


def export() -> Iterator[str]:
    """Yield one JSON object a line: every entry in order, then the latest checkpoint, if there is one.

    An entry is `{"position", "leaf", "leaf_hash"}`: `leaf` is the exact text that is hashed, `leaf_hash`
    the hex of SHA-256(0x00 ‖ leaf). The last line is `{"checkpoint"}`, a signed note over the first
    `size` entries. Reads in chunks; memory does not grow with the history.
    """
    # Looked up first, so that the entries that follow cover it.
    checkpoint = Checkpoint.objects.order_by("-size").first()
    position = 0
    while rows := _rows(position):
        for row in rows:
            yield _line({"position": row[0], "leaf": leaf(row[2:]).decode(), "leaf_hash": row[1].hex()})
        position = rows[-1][0] + 1
    if checkpoint is not None:
        yield _line({"checkpoint": checkpoint.note})


def _rows(position: int) -> list[tuple[Any, ...]]:
    entries = Entry.objects.filter(position__gte=position).order_by("position")
    return list(entries.values_list(*_FIELDS)[:CHUNK])


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
