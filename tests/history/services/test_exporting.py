from __future__ import annotations

import base64
import json
from hashlib import sha256

import pytest

from history.services import export

pytestmark = pytest.mark.django_db


def foreign_root(leaves):
    """A Merkle root by somebody who read RFC 6962 and nothing of ours."""
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\x01" + foreign_root(leaves[:split]) + foreign_root(leaves[split:])).digest()


def test_a_foreign_tool_finds_the_checkpoint_s_root_in_an_export(history_of):
    history_of(2100)
    lines = [json.loads(line) for line in export()]
    *entries, last = lines
    assert [entry["position"] for entry in entries] == list(range(2100))
    leaves = [entry["leaf"].encode() for entry in entries]
    assert [entry["leaf_hash"] for entry in entries] == [
        sha256(b"\x00" + leaf).hexdigest() for leaf in leaves
    ]
    _, size, root = last["checkpoint"].split("\n")[:3]
    assert (int(size), base64.b64decode(root)) == (2100, foreign_root(leaves))


def test_a_leaf_is_json_with_all_that_the_event_says(history_of):
    history_of(1)
    leaf = json.loads(json.loads(next(export()))["leaf"])
    assert leaf.keys() == {"account", "actor", "at", "data", "kind", "recorded_at", "subject", "uid", "v"}
    assert leaf["data"] == {"seats": 10}


def test_an_empty_history_exports_nothing():
    assert list(export()) == []
