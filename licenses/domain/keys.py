"""Keys that verify, key sets as published, and the strength that both must have.

RS256 keys have 3072 bits or more; Ed25519 is the only curve. A JWKS is read strictly (RFC 7517): a key
that may not verify licenses stays known by its ``kid`` together with the reason, so that a token signed
with it is refused for that reason and the other keys of the set keep working.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from licenses.domain.enums import Algorithm, KeyState
from licenses.domain.errors import DomainError
from licenses.domain.wire import WireError, b64url_decode, b64url_encode, json_dump, json_load

PublicKey: TypeAlias = RSAPublicKey | Ed25519PublicKey
PrivateKey: TypeAlias = RSAPrivateKey | Ed25519PrivateKey

MIN_RSA_BITS: Final = 3072
MAX_RSA_BITS: Final = 8192
MIN_RSA_EXPONENT: Final = 65537
MAX_RSA_EXPONENT: Final = 2**32
ED25519_BYTES: Final = 32
MAX_KID: Final = 128
KID_LENGTH: Final = 16
MAX_PEM: Final = 64 * 1024
MAX_JWKS: Final = 256 * 1024
MAX_KEYS: Final = 200

ALGORITHM_NAMES: Final[Mapping[str, Algorithm]] = {
    "RS256": Algorithm.RS256,
    "EdDSA": Algorithm.EDDSA,
    # RFC 9864 names the curve; RFC 8037 did not. Both mean the Ed25519 key here.
    "Ed25519": Algorithm.EDDSA,
}
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_PKCS1: Final = PKCS1v15()
_SHA256: Final = SHA256()


class KeyMaterialError(DomainError):
    """A key or a key set that is refused."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key by its ``kid``; ``audiences`` None means that it may sign for any product."""

    kid: str
    algorithm: Algorithm
    public_key: PublicKey
    state: KeyState = KeyState.ACTIVE
    audiences: frozenset[str] | None = None

    def __post_init__(self) -> None:
        check_strength(self.public_key)
        if algorithm_of(self.public_key) is not self.algorithm:
            raise KeyMaterialError("alg_key_mismatch", f"{self.algorithm} does not belong to this key")

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether ``signature`` over ``message`` was made with the private half of this key."""
        try:
            if isinstance(self.public_key, RSAPublicKey):
                self.public_key.verify(signature, message, _PKCS1, _SHA256)
            else:
                self.public_key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def serves(self, audience: str) -> bool:
        return self.audiences is None or audience in self.audiences


class KeySet:
    """Verification keys by ``kid``; immutable once made."""

    __slots__ = ("_by_kid", "ed25519", "refused")

    def __init__(self, keys: Iterable[VerificationKey], refused: Mapping[str, str] | None = None) -> None:
        """``refused`` maps the kid of unusable keys to the reason. Raises KeyMaterialError for a kid twice."""
        self._by_kid: dict[str, VerificationKey] = {}
        for key in keys:
            if key.kid in self._by_kid:
                raise KeyMaterialError("kid_duplicate", f"two keys are called {key.kid!r}")
            self._by_kid[key.kid] = key
        self.ed25519: tuple[VerificationKey, ...] = tuple(
            key for key in self._by_kid.values() if key.algorithm is Algorithm.EDDSA
        )
        self.refused: Mapping[str, str] = dict(refused or {})

    def get(self, kid: str) -> VerificationKey | None:
        return self._by_kid.get(kid)

    def __iter__(self) -> Iterator[VerificationKey]:
        return iter(self._by_kid.values())

    def __len__(self) -> int:
        return len(self._by_kid)

    @classmethod
    def from_jwks(cls, source: Mapping[str, Any] | str | bytes) -> KeySet:
        """A key set from JWKS text or its parsed object.

        Raises KeyMaterialError when the set itself is unusable: ``jwks_too_large``, ``jwks_<json reason>``,
        ``jwks_invalid``, ``kid_duplicate``. Single unusable keys go to ``refused``.
        """
        usable: list[VerificationKey] = []
        refused: dict[str, str] = {}
        seen: set[str] = set()
        for position, member in enumerate(_jwks_members(source)):
            kid = _kid_member(member, position)
            if kid in seen:
                raise KeyMaterialError("kid_duplicate", f"two keys are called {kid!r}")
            seen.add(kid)
            try:
                usable.append(_from_jwk(member))
            except KeyMaterialError as error:
                refused[kid] = error.reason
        return cls(usable, refused)


def _jwks_members(source: Mapping[str, Any] | str | bytes) -> list[Mapping[str, Any]]:
    if isinstance(source, str | bytes):
        if len(source) > MAX_JWKS:
            raise KeyMaterialError("jwks_too_large", f"a key set has at most {MAX_JWKS} bytes")
        try:
            source = json_load(source)
        except WireError as error:
            raise KeyMaterialError(f"jwks_{error.reason}", error.detail) from error
    members = source.get("keys") if isinstance(source, Mapping) else None
    if not isinstance(members, list | tuple) or len(members) > MAX_KEYS:
        raise KeyMaterialError("jwks_invalid", f"a key set has a list 'keys' of at most {MAX_KEYS}")
    if not all(isinstance(member, Mapping) for member in members):
        raise KeyMaterialError("jwks_invalid", "each key of a set is an object")
    return list(members)


def _kid_member(jwk: Mapping[str, Any], position: int) -> str:
    """The name by which tokens refer to this key; a key without one goes by its thumbprint."""
    if "kid" not in jwk:
        try:
            return kid_of(_public_key(jwk))
        except KeyMaterialError:
            return f"#{position}"
    kid = jwk["kid"]
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID or not kid.isprintable():
        raise KeyMaterialError("jwks_invalid", "a kid is a short printable text")
    return kid


def _from_jwk(jwk: Mapping[str, Any]) -> VerificationKey:
    if _PRIVATE_MEMBERS & jwk.keys():
        raise KeyMaterialError("key_is_private", "a published key has private members")
    if jwk.get("use", "sig") != "sig":
        raise KeyMaterialError("key_not_for_signatures", "'use' is not 'sig'")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list | tuple) or "verify" not in operations:
        raise KeyMaterialError("key_not_for_verifying", "'key_ops' does not hold 'verify'")
    public_key = _public_key(jwk)
    algorithm = algorithm_of(public_key)
    name = jwk.get("alg", algorithm.value)
    if not isinstance(name, str) or ALGORITHM_NAMES.get(name) is not algorithm:
        raise KeyMaterialError("alg_key_mismatch", "'alg' does not belong to this type of key")
    return VerificationKey(jwk.get("kid") or kid_of(public_key), algorithm, public_key)


def _public_key(jwk: Mapping[str, Any]) -> PublicKey:
    match jwk.get("kty"), jwk.get("crv"):
        case "RSA", _:
            return _rsa(_member(jwk, "n"), _member(jwk, "e"))
        case "OKP", "Ed25519":
            raw = _member(jwk, "x")
            if len(raw) != ED25519_BYTES:
                raise KeyMaterialError("key_invalid", "an Ed25519 key has 32 bytes")
            return Ed25519PublicKey.from_public_bytes(raw)
    raise KeyMaterialError("kty_not_supported", "only RSA and Ed25519 keys verify licenses")


def _member(jwk: Mapping[str, Any], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_RSA_BITS // 4:
        raise KeyMaterialError("key_invalid", f"member {name!r} is missing or too long")
    try:
        return b64url_decode(value)
    except WireError as error:
        raise KeyMaterialError("key_invalid", f"member {name!r} is {error.detail}") from error


def _rsa(modulus: bytes, exponent: bytes) -> RSAPublicKey:
    n, e = int.from_bytes(modulus), int.from_bytes(exponent)
    if n.bit_length() < MIN_RSA_BITS:
        raise KeyMaterialError("key_too_weak", f"an RSA key has {MIN_RSA_BITS} bits or more")
    if n.bit_length() > MAX_RSA_BITS or not MIN_RSA_EXPONENT <= e < MAX_RSA_EXPONENT:
        raise KeyMaterialError("key_invalid", "an RSA key out of the usual range")
    try:
        return RSAPublicNumbers(e, n).public_key()
    except ValueError as error:
        raise KeyMaterialError("key_invalid", "not an RSA public key") from error


def algorithm_of(key: object) -> Algorithm:
    """The one algorithm that a key is used with; raises KeyMaterialError for other types of key."""
    if isinstance(key, RSAPublicKey | RSAPrivateKey):
        return Algorithm.RS256
    if isinstance(key, Ed25519PublicKey | Ed25519PrivateKey):
        return Algorithm.EDDSA
    raise KeyMaterialError("kty_not_supported", "only RSA and Ed25519 keys sign licenses")


def check_strength(key: object) -> None:
    """Refuse weak and unknown keys (D19): KeyMaterialError ``key_too_weak``, ``kty_not_supported``."""
    algorithm_of(key)
    if isinstance(key, RSAPublicKey | RSAPrivateKey) and key.key_size < MIN_RSA_BITS:
        raise KeyMaterialError("key_too_weak", f"an RSA key has {MIN_RSA_BITS} bits or more")


def load_private_pem(pem: bytes | str, *, password: bytes | None = None, trusted: bool = False) -> PrivateKey:
    """A signing key from PEM (PKCS 8 or traditional).

    ``trusted`` skips OpenSSL's check of the RSA primes, which takes 50 to 250 ms: only for keys that the
    office made and kept itself. Raises KeyMaterialError: ``pem_invalid``, ``pem_too_large``,
    ``key_too_weak``, ``kty_not_supported``.
    """
    data = _pem_bytes(pem)
    try:
        key = serialization.load_pem_private_key(data, password, unsafe_skip_rsa_key_validation=trusted)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyMaterialError("pem_invalid", "not a private key in PEM, or a wrong password") from error
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise KeyMaterialError("kty_not_supported", "only RSA and Ed25519 keys sign licenses")
    check_strength(key)
    return key


def load_public_pem(pem: bytes | str) -> PublicKey:
    """A verification key from PEM; raises KeyMaterialError as ``load_private_pem`` does."""
    data = _pem_bytes(pem)
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyMaterialError("pem_invalid", "not a public key in PEM") from error
    if not isinstance(key, RSAPublicKey | Ed25519PublicKey):
        raise KeyMaterialError("kty_not_supported", "only RSA and Ed25519 keys verify licenses")
    check_strength(key)
    return key


def _pem_bytes(pem: bytes | str) -> bytes:
    data = pem.encode("utf-8", "replace") if isinstance(pem, str) else pem
    if len(data) > MAX_PEM:
        raise KeyMaterialError("pem_too_large", f"a PEM has at most {MAX_PEM} bytes")
    return data


def _unsigned(number: int) -> str:
    return b64url_encode(number.to_bytes((number.bit_length() + 7) // 8))


def _required_members(public_key: PublicKey) -> dict[str, str]:
    """The members that RFC 7638 hashes, in the order of their names."""
    if isinstance(public_key, RSAPublicKey):
        numbers = public_key.public_numbers()
        return {"e": _unsigned(numbers.e), "kty": "RSA", "n": _unsigned(numbers.n)}
    return {"crv": "Ed25519", "kty": "OKP", "x": b64url_encode(public_key.public_bytes_raw())}


def public_jwk(public_key: PublicKey, kid: str, algorithm: Algorithm) -> dict[str, Any]:
    """A key as it is published: public members only (RFC 7517, RFC 8037)."""
    uses = {"kid": kid, "use": "sig", "key_ops": ["verify"], "alg": Algorithm(algorithm).value}
    return {**uses, **_required_members(public_key)}


def thumbprint(public_key: PublicKey) -> str:
    """RFC 7638 SHA-256 thumbprint, base64url."""
    return b64url_encode(hashlib.sha256(json_dump(_required_members(public_key))).digest())


def kid_of(public_key: PublicKey) -> str:
    """The name that this house gives a key: the first 16 characters of its thumbprint.

    Leading hyphens are passed over: a name that starts with one is an option to every command line.
    """
    return thumbprint(public_key).lstrip("-")[:KID_LENGTH]
