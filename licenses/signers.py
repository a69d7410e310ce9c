"""Private keys of this process: each is unsealed and parsed once, then kept (parsing costs a hundred signatures)."""

from __future__ import annotations

import threading

from config.kit.sealing import SealingKeyMissing, unseal
from licenses.domain.enums import Algorithm
from licenses.domain.keys import kid_of, load_private_pem
from licenses.domain.signer import Signer
from licenses.models import SigningKey

_signers: dict[str, Signer] = {}
_lock = threading.Lock()


def signer_of(key: SigningKey) -> Signer:
    """Return the signer of a key row. Raises SealingKeyMissing (503) when the private half cannot be opened."""
    signer = _signers.get(key.kid)
    if signer is not None:
        return signer
    with _lock:
        if key.kid not in _signers:
            _signers[key.kid] = _load(key)
        return _signers[key.kid]


def forget_signers() -> None:
    """Drop every private key from memory."""
    with _lock:
        _signers.clear()


def _load(key: SigningKey) -> Signer:
    if key.private_sealed is None:
        raise SealingKeyMissing(f"The private half of key {key.kid} was destroyed.")
    # Trusted: the PEM was checked when it was generated or imported, and its seal proves it is unchanged.
    private_key = load_private_pem(unseal(bytes(key.private_sealed)), trusted=True)
    if kid_of(private_key.public_key()) != key.kid:
        raise SealingKeyMissing(f"The private half stored with key {key.kid} belongs to another key.")
    return Signer(key.kid, Algorithm(key.algorithm), private_key)
