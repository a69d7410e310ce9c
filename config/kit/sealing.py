"""Encryption at rest under the key-encryption keys: the first key encrypts, every key decrypts.

AES-256-GCM under a key derived from the key-encryption key, as version byte, nonce and ciphertext. Random
nonces of 96 bits hold for 2**32 texts a key; long before that comes the rotation. What older versions sealed
(Fernet, which begins with the letter g) still opens, and is sealed in the new form by the next rotation.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from config.kit.errors import Unavailable

VERSION = b"\x02"
PURPOSE = b"signet seal 2"
NONCE_BYTES = 12


class SealingKeyMissing(Unavailable):
    """No key-encryption key opens what is stored: issuing stops, verifying goes on."""

    code = "key_encryption_key_missing"
    title = "The key-encryption key is missing or not the one that stored data was sealed with."


class _Box:
    """What one key-encryption key seals and opens."""

    def __init__(self, key: str) -> None:
        self._fernet = Fernet(key)  # ValueError unless the key is 32 bytes in base64url
        raw = base64.urlsafe_b64decode(key)
        self._aead = AESGCM(HKDF(SHA256(), length=32, salt=None, info=PURPOSE).derive(raw))

    def seal(self, plain: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + nonce + self._aead.encrypt(nonce, plain, VERSION)

    def open(self, sealed: bytes) -> bytes | None:
        """None when another key sealed it, or when it was changed."""
        try:
            if sealed[:1] != VERSION:
                return self._fernet.decrypt(sealed)
            return self._aead.decrypt(sealed[1 : NONCE_BYTES + 1], sealed[NONCE_BYTES + 1 :], VERSION)
        except (InvalidTag, InvalidToken, ValueError):  # ValueError: too short to hold a nonce
            return None


@lru_cache(maxsize=4)
def _boxes(keys: tuple[str, ...]) -> tuple[_Box, ...]:
    try:
        boxes = tuple(_Box(key) for key in keys)
    except ValueError as error:
        raise SealingKeyMissing from error
    if not boxes:
        raise SealingKeyMissing
    return boxes


def seal(plain: bytes) -> bytes:
    """Encrypt bytes. Raises SealingKeyMissing (503)."""
    return _boxes(tuple(settings.KEY_ENCRYPTION_KEYS))[0].seal(plain)


def unseal(sealed: bytes) -> bytes:
    """Decrypt bytes. Raises SealingKeyMissing (503)."""
    sealed = bytes(sealed)
    for box in _boxes(tuple(settings.KEY_ENCRYPTION_KEYS)):
        plain = box.open(sealed)
        if plain is not None:
            return plain
    raise SealingKeyMissing


def reseal(sealed: bytes) -> bytes:
    """Encrypt again under the first key, for the rotation of key-encryption keys. Raises SealingKeyMissing."""
    return seal(unseal(sealed))


_stores: dict[str, Callable[[], int]] = {}


def store_register(name: str, reseal_all: Callable[[], int]) -> None:
    """Say that rows of this name are sealed. `reseal_all` seals them again and returns how many; safe to repeat."""
    _stores[name] = reseal_all


def stores_reseal() -> dict[str, int]:
    """Seal again what every room has registered, for the rotation of key-encryption keys."""
    return {name: reseal_all() for name, reseal_all in _stores.items()}
