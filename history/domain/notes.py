"""Signed checkpoints in the formats that other transparency tools read.

C2SP signed-note (https://c2sp.org/signed-note) and tlog-checkpoint (https://c2sp.org/tlog-checkpoint).
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from history.domain.merkle import HASH_BYTES

ED25519 = b"\x01"
LARGEST_NOTE = 64 * 1024
MOST_SIGNATURES = 32
LARGEST_SIZE = 2**63 - 1
_DASH = "\N{EM DASH}"
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class BadNoteError(ValueError):
    """The text is no signed note, no checkpoint or no key, or no trusted key signed it."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public Ed25519 key by the name it signs under."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public) != 32:  # noqa: PLR2004 - RFC 8032: an Ed25519 public key is 32 bytes
            raise BadNoteError("an Ed25519 public key has 32 bytes")

    @property
    def id(self) -> bytes:
        """Return the four bytes by which a signature line names this key."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_base64(ED25519 + self.public)}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read `name+hash+base64`, the form in which a verifier key is handed out; BadNoteError otherwise."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        material = _unbase64(encoded)
        if material[:1] != ED25519:
            raise BadNoteError("the verifier key is not an Ed25519 key")
        key = cls(name, material[1:])
        if key.id.hex() != key_id:
            raise BadNoteError("the verifier key does not match its hash")
        return key


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signatures; nothing in it is to be believed before `signers` has said who signed."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, raw: bytes) -> Note:
        """Read a signed note; BadNoteError when it is not exactly one."""
        text, lines = _split(raw)
        return cls(text, tuple(_signature(line) for line in lines))

    def signers(self, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
        """Return which of `keys` signed. Unknown signatures are ignored, as the format demands.

        BadNoteError when none of them signed, or when a signature that names one of them is wrong.
        """
        known = {(key.name, key.id): key for key in keys}
        found = []
        for signature in self.signatures:
            key = known.get((signature.name, signature.key_id))
            if key is not None:
                _check_signature(key, signature.value, self.text)
                found.append(key)
        if not found:
            raise BadNoteError("no known key signed this note")
        return found


@dataclass(frozen=True, slots=True)
class TreeState:
    """What a checkpoint says: the log's name, how many leaves it has, and the root over them."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the text to be signed."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> TreeState:
        """Read the text of a checkpoint note; BadNoteError when it is none. Extensions are ignored."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):  # noqa: PLR2004 - three lines and the end
            raise BadNoteError("a checkpoint has an origin, a size and a root, one a line")
        origin, size, root = lines[0], lines[1], _unbase64(lines[2])
        if not _SIZE.fullmatch(size) or int(size) > LARGEST_SIZE:
            raise BadNoteError("the size of a checkpoint is a decimal number without leading zeroes")
        if len(root) != HASH_BYTES:
            raise BadNoteError("the root of a checkpoint has 32 bytes")
        return cls(origin, int(size), root)


def sign(state: TreeState, *, name: str, private: Ed25519PrivateKey) -> str:
    """Return the checkpoint of `state` as a note signed under `name`."""
    key = VerifierKey(name, private.public_key().public_bytes_raw())
    text = state.text()
    return f"{text}\n{_DASH} {name} {_base64(key.id + private.sign(text.encode()))}\n"


def read_checkpoint(raw: bytes, keys: Iterable[VerifierKey]) -> TreeState:
    """Return what a checkpoint says if one of `keys` signed it; BadNoteError otherwise."""
    note = Note.parse(raw)
    note.signers(keys)
    return TreeState.parse(note.text)


def _split(raw: bytes) -> tuple[str, list[str]]:
    if len(raw) > LARGEST_NOTE:
        raise BadNoteError(f"a note is at most {LARGEST_NOTE} bytes long")
    try:
        note = raw.decode()
    except UnicodeDecodeError as error:
        raise BadNoteError("a note is UTF-8 text") from error
    if any(character < " " and character != "\n" for character in note):
        raise BadNoteError("a note holds no control characters")
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise BadNoteError("a note is a text, an empty line and signature lines")
    lines = signatures[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise BadNoteError(f"a note has at most {MOST_SIGNATURES} signatures")
    return text + "\n", lines


def _signature(line: str) -> Signature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != _DASH:  # noqa: PLR2004 - dash, name, signature
        raise BadNoteError("a signature line is a dash, a name and a base64 text")
    _check_name(parts[1])
    value = _unbase64(parts[2])
    if len(value) < 5:  # noqa: PLR2004 - four bytes of key and at least one of signature
        raise BadNoteError("a signature is shorter than its key's name")
    return Signature(parts[1], value[:4], value[4:])


def _check_signature(key: VerifierKey, signature: bytes, text: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text.encode())
    except (InvalidSignature, ValueError) as error:
        raise BadNoteError(f"the signature of {key.name} is wrong") from error


def _check_name(name: str) -> None:
    if not name or "+" in name or any(_is_space(character) for character in name):
        raise BadNoteError("the name of a key is not empty and has neither spaces nor plus signs")


def _is_space(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in {"Zs", "Zl", "Zp", "Cc"}


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _unbase64(text: str) -> bytes:
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNoteError("not base64") from error
    if _base64(value) != text:  # padding bits that are not zero would be a second spelling
        raise BadNoteError("not the one spelling of its base64")
    return value
