from __future__ import annotations

import base64
import io
import json
import sys
from hashlib import sha256
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

A, B, C = (sha256(b"\x00" + name).digest() for name in (b"a", b"b", b"c"))
AB = sha256(b"\x01" + A + B).digest()
ROOT = sha256(b"\x01" + AB + C).digest()


def text(value):
    return base64.b64encode(value).decode()


INCLUSION = {
    "leafIdx": 1,
    "treeSize": 3,
    "root": text(ROOT),
    "leafHash": text(B),
    "proof": [text(A), text(C)],
    "desc": "the second of three",
    "wantErr": True,
}
CONSISTENCY = {"size1": 2, "size2": 3, "root1": text(AB), "root2": text(ROOT), "proof": [text(C)]}
GOOD = {"inclusion": INCLUSION, "consistency": CONSISTENCY}


@pytest.fixture
def check(monkeypatch):
    """Runs the command on raw input and answers with its exit code."""

    def check(proof, raw):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(raw)))
        try:
            call_command("merkle", "check", proof, stdout=io.StringIO())
        except SystemExit as left:
            return left.code
        except CommandError as error:
            return error.returncode
        return 0

    return check


@pytest.mark.parametrize("proof", GOOD)
def test_a_good_proof_answers_0_whatever_the_vector_wants(check, proof):
    assert check(proof, json.dumps(GOOD[proof]).encode()) == 0


@pytest.mark.parametrize(
    ("proof", "change"),
    [
        ("inclusion", {"leafIdx": 0}),
        ("inclusion", {"leafIdx": 2**64 - 1}),
        ("inclusion", {"treeSize": 0}),
        ("inclusion", {"proof": None}),
        ("inclusion", {"proof": [""]}),
        ("inclusion", {"root": None}),
        ("inclusion", {"leafHash": ""}),
        ("consistency", {"size1": 0}),
        ("consistency", {"size1": 4}),
        ("consistency", {"proof": []}),
        ("consistency", {"root1": ""}),
        ("consistency", {"root2": text(AB)}),
    ],
)
def test_a_bad_proof_answers_1(check, proof, change):
    assert check(proof, json.dumps(GOOD[proof] | change).encode()) == 1


@pytest.mark.parametrize("proof", GOOD)
@pytest.mark.parametrize(
    "change",
    [
        {"proof": "text"},
        {"proof": [None]},
        {"proof": ["not base64"]},
        {"proof": [7]},
        {"leafIdx": -1, "size1": -1},
        {"leafIdx": 1.0, "size1": 1.0},
        {"leafIdx": True, "size1": True},
        {"leafIdx": "1", "size1": "1"},
        {"treeSize": 2**64, "size2": 2**64},
        {"root": "*", "root1": "*"},
        {"root": 7, "root2": 7},
    ],
)
def test_input_that_is_no_vector_answers_2(check, proof, change):
    assert check(proof, json.dumps(GOOD[proof] | change).encode()) == 2


@pytest.mark.parametrize("name", ["leafIdx", "treeSize", "root", "leafHash", "proof"])
def test_a_missing_member_answers_2(check, name):
    vector = {key: value for key, value in INCLUSION.items() if key != name}
    assert check("inclusion", json.dumps(vector).encode()) == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"\xff",
        b"[" * 200_000,
        b" " * (1024 * 1024 + 1),
        b'{"leafIdx": ' + b"1" * 9999,
    ],
)
@pytest.mark.parametrize("proof", GOOD)
def test_input_that_is_no_json_object_answers_2(check, proof, raw):
    assert check(proof, raw) == 2


def test_an_unknown_proof_is_a_usage_error():
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("merkle", "check", "existence")
