from __future__ import annotations

import base64
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from history.domain.notes import BadNoteError, Note, TreeState, VerifierKey, read_checkpoint, sign

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
KEY = VerifierKey("signet.example/history", PRIVATE.public_key().public_bytes_raw())
STATE = TreeState("signet.example/history", 17, sha256(b"root").digest())
NOTE = sign(STATE, name=KEY.name, private=PRIVATE)

# From the tests of Go's golang.org/x/mod/sumdb/note: a key and a note of another implementation.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_checkpoint_is_three_lines_an_empty_one_and_a_signature():
    text, _, signature = NOTE.partition("\n\n")
    root = base64.b64encode(STATE.root).decode()
    assert text == f"signet.example/history\n17\n{root}"
    assert signature.startswith("— signet.example/history ")
    raw = base64.b64decode(signature.split(" ")[2])
    assert raw[:4] == sha256(b"signet.example/history\n\x01" + KEY.public).digest()[:4]
    PRIVATE.public_key().verify(raw[4:], (text + "\n").encode())


def test_a_note_of_another_implementation_verifies():
    assert [key.name for key in Note.parse(GO_NOTE.encode()).signers([VerifierKey.parse(GO_KEY)])] == [
        "PeterNeumann"
    ]


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_what_is_signed_is_read_back(size, root):
    state = TreeState(KEY.name, size, root)
    assert read_checkpoint(sign(state, name=KEY.name, private=PRIVATE).encode(), [KEY]) == state


@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(position, change):
    raw = bytearray(NOTE.encode())
    raw[position] ^= change
    with pytest.raises(BadNoteError):
        read_checkpoint(bytes(raw), [KEY])


def test_a_key_reads_back_from_its_text():
    assert VerifierKey.parse(str(KEY)) == KEY
    assert str(VerifierKey.parse(GO_KEY)) == GO_KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+",
        str(KEY).replace("+", "-", 1),
        str(KEY).replace(KEY.id.hex(), "00000000"),
        str(KEY)[:-2],
        "name+00000000+" + base64.b64encode(b"\x02" + KEY.public).decode(),
        "a b+00000000+" + base64.b64encode(b"\x01" + KEY.public).decode(),
    ],
)
def test_a_text_that_is_no_key_is_refused(text):
    with pytest.raises(BadNoteError):
        VerifierKey.parse(text)


def test_signatures_of_strangers_are_ignored():
    stranger = "— witness.example " + base64.b64encode(b"\0" * 68).decode() + "\n"
    assert read_checkpoint((NOTE + stranger).encode(), [KEY]) == STATE


def test_a_wrong_signature_of_a_known_key_spoils_the_note():
    wrong = f"— {KEY.name} " + base64.b64encode(KEY.id + b"\0" * 64).decode() + "\n"
    with pytest.raises(BadNoteError, match="is wrong"):
        read_checkpoint((NOTE + wrong).encode(), [KEY])


def test_a_note_that_nobody_known_signed_is_refused():
    other = VerifierKey("signet.example/history", b"\x01" * 32)
    with pytest.raises(BadNoteError, match="no known key"):
        read_checkpoint(NOTE.encode(), [other])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n",
        b"text only\n",
        NOTE.encode()[:-1],
        NOTE.encode() + b"\n",
        NOTE.replace("\n17\n", "\n17\r\n").encode(),
        NOTE.replace("— ", "- ").encode(),
        NOTE.encode() + b"\xff\n",
        NOTE.encode() + NOTE.encode().split(b"\n\n")[1] * 40,
        b"x" * 70_000,
        "text\n\n— name AAAA\n".encode(),
    ],
)
def test_what_is_no_note_is_refused(raw):
    with pytest.raises(BadNoteError):
        Note.parse(raw)


@pytest.mark.parametrize("size", ["017", "-1", "+1", "1.0", "", "\u0661", "9223372036854775808", "1e3"])
def test_a_size_has_one_spelling(size):
    with pytest.raises(BadNoteError):
        TreeState.parse(STATE.text().replace("\n17\n", f"\n{size}\n"))


def test_a_root_has_thirty_two_bytes_and_one_spelling():
    with pytest.raises(BadNoteError):
        TreeState.parse("origin\n1\nAAAA\n")
    root = base64.b64encode(STATE.root).decode()
    unclean = root[:-2] + chr(ord(root[-2]) + 1) + "="
    with pytest.raises(BadNoteError):
        TreeState.parse(f"origin\n1\n{unclean}\n")


def test_extension_lines_are_read_over():
    assert TreeState.parse(STATE.text() + "extension\n") == STATE
    with pytest.raises(BadNoteError):
        TreeState.parse(STATE.text() + "\n")
