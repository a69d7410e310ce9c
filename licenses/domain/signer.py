"""A private key ready to sign. The caller loads the key object once and keeps the signer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from licenses.domain.enums import Algorithm
from licenses.domain.keys import (
    KeyMaterialError,
    PrivateKey,
    PublicKey,
    VerificationKey,
    algorithm_of,
    check_strength,
    kid_of,
)

_PKCS1: Final = PKCS1v15()
_SHA256: Final = SHA256()


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs bytes with one key. Raises KeyMaterialError for a weak key or a foreign algorithm."""

    kid: str
    algorithm: Algorithm
    private_key: PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        check_strength(self.private_key)
        if algorithm_of(self.private_key) is not self.algorithm:
            raise KeyMaterialError("alg_key_mismatch", f"{self.algorithm} does not belong to this key")

    @classmethod
    def of(cls, private_key: PrivateKey) -> Signer:
        """A signer under the key's own name and algorithm."""
        return cls(kid_of(private_key.public_key()), algorithm_of(private_key), private_key)

    @property
    def public_key(self) -> PublicKey:
        return self.private_key.public_key()

    def verification_key(self) -> VerificationKey:
        """The public half, under the same name."""
        return VerificationKey(self.kid, self.algorithm, self.public_key)

    def sign(self, message: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017), or Ed25519 (RFC 8032)."""
        if isinstance(self.private_key, RSAPrivateKey):
            return self.private_key.sign(message, _PKCS1, _SHA256)
        return self.private_key.sign(message)
