"""Stripe's form encoding: `line_items[0][price]=…` to nested values and back to nothing else."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

PART = re.compile(r"\[([^\]]*)\]")


def decode(text: str) -> dict[str, Any]:
    """Decode a query string or form body. Numbered keys become lists, except below `metadata`."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head, _, _ = name.partition("[")
        place = tree
        path = [head, *PART.findall(name[len(head) :])]
        for step in path[:-1]:
            place = place.setdefault(step, {})
        last = path[-1] or str(len(place))
        place[last] = value
    return {name: _lists(value, name) for name, value in tree.items()}


def _lists(value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(child, key) for key, child in value.items()}
    if inner and name != "metadata" and all(key.isdigit() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner
