"""LIC1 keys (C21): short enough to read over the telephone, signed with Ed25519.

``LIC1-<payload>-<signature>``, both RFC 4648 base32 without padding, upper case when written, any case when
read. The signature covers the raw payload bytes. Version 2 is written; version 1 is only read.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from licenses.domain.claims import Claims, fingerprint_hash
from licenses.domain.entitlements import Entitlement
from licenses.domain.enums import Algorithm, Kind
from licenses.domain.errors import DomainError
from licenses.domain.instants import MAX_EPOCH
from licenses.domain.keys import KeySet, VerificationKey
from licenses.domain.signer import Signer
from licenses.domain.tokens import TokenError

PREFIX: Final = "LIC1-"
FINGERPRINT_BOUND: Final = 1
TRIAL: Final = 2
TEST: Final = 4
_KNOWN_FLAGS: Final = FINGERPRINT_BOUND | TRIAL | TEST

SIGNATURE_BYTES: Final = 64
V1, V2 = 1, 2
V1_BYTES: Final = 74
V2_HEAD_BYTES: Final = 83
MAX_ENTITLEMENTS: Final = 255
MAX_SLUG: Final = 255
MAX_PAYLOAD: Final = V2_HEAD_BYTES + MAX_ENTITLEMENTS * (1 + MAX_SLUG)
MAX_KEY: Final = len(PREFIX) + -(-MAX_PAYLOAD * 8 // 5) + 1 + -(-SIGNATURE_BYTES * 8 // 5)
_UNBOUND: Final = bytes(32)
_SHAPE: Final = re.compile(r"LIC1-([A-Z2-7]+)-([A-Z2-7]+)")


class Lic1Error(DomainError):
    """Something that the LIC1 format cannot say, found while writing a key."""


@dataclass(frozen=True, slots=True)
class Lic1Fields:
    """What a LIC1 key says. Instants are epoch seconds; ``expires_at`` None is perpetual."""

    product_uid: UUID
    license_uid: UUID
    issued_at: int
    expires_at: int | None = None
    fingerprint_sha256: str | None = None
    trial: bool = False
    test: bool = False
    entitlements: tuple[str, ...] = ()
    version: int = V2

    @classmethod
    def from_claims(cls, claims: Claims, *, product_uid: UUID, license_uid: UUID) -> Lic1Fields:
        """The part of the claims that fits.

        Raises Lic1Error for valued entitlements (see ``slugs_of``) and, ``starts_later``, for a license that
        begins after it was issued: the key would hold from its issue on.
        """
        if claims.not_before > claims.issued_at:
            raise Lic1Error("starts_later", "the license starts later, which a LIC1 key cannot say")
        return cls(
            product_uid=product_uid,
            license_uid=license_uid,
            issued_at=claims.issued_at,
            expires_at=claims.expires_at,
            fingerprint_sha256=claims.fingerprint_sha256,
            trial=claims.kind is Kind.TRIAL,
            test=claims.kind is Kind.TEST,
            entitlements=slugs_of(claims.entitlements),
        )

    @property
    def kind(self) -> Kind:
        if self.test:
            return Kind.TEST
        return Kind.TRIAL if self.trial else Kind.COMMERCIAL

    def granted(self) -> dict[str, Entitlement]:
        """The entitlements as a map: every slug of a LIC1 key is ``true``."""
        return dict.fromkeys(self.entitlements, True)


@dataclass(frozen=True, slots=True)
class Lic1Key:
    """A parsed key: ``payload`` is what ``signature`` covers; ``kid`` is set once it was verified."""

    fields: Lic1Fields
    payload: bytes
    signature: bytes
    kid: str | None = None
    key: VerificationKey | None = None


def slugs_of(entitlements: Mapping[str, Entitlement]) -> tuple[str, ...]:
    """Plain slugs in order of name; raises Lic1Error ``entitlement_valued`` when one has a value."""
    for slug, value in entitlements.items():
        if value is not True:
            raise Lic1Error(
                "entitlement_valued", f"{slug!r} has a value or an end, which a LIC1 key cannot say"
            )
    return tuple(sorted(entitlements))


def encode(fields: Lic1Fields, signer: Signer) -> str:
    """A version 2 key. Raises Lic1Error: ``needs_ed25519``, ``version_not_written``, ``too_many_entitlements``,
    ``slug_too_long``, ``slug_empty``, ``bad_instant`` or ``fp_not_sha256``.
    """
    if signer.algorithm is not Algorithm.EDDSA:
        raise Lic1Error("needs_ed25519", "LIC1 keys are signed with an Ed25519 key")
    payload = pack(fields)
    return f"{PREFIX}{_b32(payload)}-{_b32(signer.sign(payload))}"


def pack(fields: Lic1Fields) -> bytes:
    """The raw version 2 payload that is signed; raises Lic1Error as ``encode`` does."""
    if fields.version != V2:
        raise Lic1Error("version_not_written", "only version 2 of LIC1 is written")
    if len(fields.entitlements) > MAX_ENTITLEMENTS:
        raise Lic1Error("too_many_entitlements", f"a LIC1 key holds at most {MAX_ENTITLEMENTS} entitlements")
    bound = fields.fingerprint_sha256 is not None
    flags = bound * FINGERPRINT_BOUND | fields.trial * TRIAL | fields.test * TEST
    head = (
        bytes((V2, flags)),
        fields.product_uid.bytes,
        fields.license_uid.bytes,
        _seconds(fields.issued_at),
        _seconds(0 if fields.expires_at is None else _positive(fields.expires_at)),
        _digest(fields.fingerprint_sha256),
        bytes((len(fields.entitlements),)),
    )
    return b"".join((*head, *map(_slug, fields.entitlements)))


def _positive(seconds: int) -> int:
    if seconds <= 0:
        raise Lic1Error("bad_instant", "an expiry of 0 means perpetual; write None")
    return seconds


def _seconds(value: int) -> bytes:
    if type(value) is not int or not 0 <= value <= MAX_EPOCH:
        raise Lic1Error("bad_instant", "an instant is a whole number of epoch seconds")
    return value.to_bytes(8)


def _digest(fingerprint_sha256: str | None) -> bytes:
    if fingerprint_sha256 is None:
        return _UNBOUND
    try:
        digest = bytes.fromhex(fingerprint_sha256)
    except ValueError:
        digest = b""
    if len(digest) != len(_UNBOUND):
        raise Lic1Error("fp_not_sha256", "a fingerprint is bound by its SHA-256 in hex")
    return digest


def _slug(slug: str) -> bytes:
    data = slug.encode("utf-8", "surrogatepass")
    if not data:
        raise Lic1Error("slug_empty", "an entitlement has a name")
    if len(data) > MAX_SLUG:
        raise Lic1Error("slug_too_long", f"a LIC1 entitlement has at most {MAX_SLUG} bytes")
    return bytes((len(data),)) + data


def parse(text: str) -> Lic1Key:
    """Fields, payload and signature of a key, whose signature is not checked yet.

    Raises TokenError, stage ``format``, reason ``bad_format``: wrong shape, a second spelling, truncated
    or trailing bytes, an unknown version or flag.
    """
    if not isinstance(text, str) or len(text) > MAX_KEY:
        raise _bad("a LIC1 key is a text of limited length")
    # str.upper turns some letters outside ASCII into ASCII ones; those are no spelling of a key.
    match = _SHAPE.fullmatch(text.upper()) if text.isascii() else None
    if match is None:
        raise _bad("a LIC1 key is LIC1-, base32, a dash, base32")
    payload, signature = _unb32(match[1]), _unb32(match[2])
    if len(signature) != SIGNATURE_BYTES:
        raise _bad("the signature of a LIC1 key has 64 bytes")
    return Lic1Key(_unpack(payload), payload, signature)


def _unpack(payload: bytes) -> Lic1Fields:
    version = payload[0]
    if version == V1 and len(payload) == V1_BYTES:
        return _unpack_v1(payload)
    if version == V2 and len(payload) >= V2_HEAD_BYTES:
        return _unpack_v2(payload)
    raise _bad("the payload is truncated or of an unknown version")


def _unpack_v1(payload: bytes) -> Lic1Fields:
    flags = payload[1]
    return Lic1Fields(
        product_uid=UUID(bytes=payload[2:18]),
        license_uid=UUID(bytes=payload[18:34]),
        issued_at=_instant(payload[34:42]),
        fingerprint_sha256=payload[42:74].hex() if flags & FINGERPRINT_BOUND else None,
        trial=bool(flags & TRIAL),
        version=V1,
    )


def _unpack_v2(payload: bytes) -> Lic1Fields:
    flags, digest = payload[1], payload[50:82]
    bound = bool(flags & FINGERPRINT_BOUND)
    if flags & ~_KNOWN_FLAGS:
        raise _bad("the payload has an unknown flag")
    if not bound and digest != _UNBOUND:
        raise _bad("the payload holds a fingerprint but is not bound")
    return Lic1Fields(
        product_uid=UUID(bytes=payload[2:18]),
        license_uid=UUID(bytes=payload[18:34]),
        issued_at=_instant(payload[34:42]),
        expires_at=_instant(payload[42:50]) or None,
        fingerprint_sha256=digest.hex() if bound else None,
        trial=bool(flags & TRIAL),
        test=bool(flags & TEST),
        entitlements=_slugs(payload),
    )


def _instant(data: bytes) -> int:
    seconds = int.from_bytes(data)
    if seconds > MAX_EPOCH:
        raise _bad("an instant beyond year 9999")
    return seconds


def _slugs(payload: bytes) -> tuple[str, ...]:
    slugs: list[str] = []
    offset = V2_HEAD_BYTES
    for _ in range(payload[82]):
        end = offset + 1 + (payload[offset] if offset < len(payload) else MAX_PAYLOAD)
        if end > len(payload):
            raise _bad("the entitlements are truncated")
        try:
            slugs.append(payload[offset + 1 : end].decode("utf-8"))
        except UnicodeDecodeError as error:
            raise _bad("an entitlement is not UTF-8") from error
        offset = end
    if offset != len(payload):
        raise _bad("bytes after the last entitlement")
    return tuple(slugs)


def verify(text: str, keys: KeySet) -> Lic1Key:
    """Signature only: the key, under the name of the Ed25519 key that made it.

    A LIC1 key names no key, so each Ed25519 key of the set is tried. Raises TokenError: format
    ``bad_format``, key ``kid_unknown`` (no Ed25519 key at all) or signature ``signature_invalid``.
    """
    parsed = parse(text)
    if not keys.ed25519:
        raise TokenError("key", "kid_unknown", "no Ed25519 key is known here")
    for key in keys.ed25519:
        if key.verifies(parsed.signature, parsed.payload):
            return Lic1Key(parsed.fields, parsed.payload, parsed.signature, key.kid, key)
    raise TokenError("signature", "signature_invalid", "no known key made the signature")


def verify_at(text: str, keys: KeySet, now: datetime) -> Lic1Key:
    """Signature and time, without grace: ``expired`` at the very second of the expiry."""
    verified = verify(text, keys)
    expires_at = verified.fields.expires_at
    if expires_at is not None and now.timestamp() >= expires_at:
        raise TokenError("claims", "expired", "the license has expired")
    return verified


def verify_for(text: str, keys: KeySet, now: datetime, fingerprint: str) -> Lic1Key:
    """Signature, time and machine: ``fingerprint_mismatch`` when the key is bound to another one."""
    verified = verify_at(text, keys, now)
    bound = verified.fields.fingerprint_sha256
    if bound is not None and not hmac.compare_digest(bound, fingerprint_hash(fingerprint)):
        raise TokenError("claims", "fingerprint_mismatch", "the license is bound to another machine")
    return verified


def _bad(detail: str) -> TokenError:
    return TokenError("format", "bad_format", detail)


def _b32(data: bytes) -> str:
    return base64.b32encode(data).decode("ascii").rstrip("=")


def _unb32(text: str) -> bytes:
    try:
        data = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error as error:
        raise _bad("not base32") from error
    if _b32(data) != text:
        raise _bad("base32 with a second spelling")
    return data
