"""Strict compact JWS (RFC 7515) for licenses and for our other signed documents (RFC 8725).

One spelling, an explicit list of algorithms, the algorithm of the key that ``kid`` names, and a ``typ`` per
kind of token. Nothing that a header says ever leads to a key or a connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from licenses.domain.claims import Claims
from licenses.domain.enums import Algorithm, KeyState
from licenses.domain.errors import DomainError
from licenses.domain.keys import ALGORITHM_NAMES, MAX_KID, KeySet
from licenses.domain.signer import Signer
from licenses.domain.wire import WireError, b64url_decode, b64url_encode, json_dump, json_load

LICENSE_TYP: Final = "license+jwt"
VERDICT_TYP: Final = "verdict+jwt"

MAX_TOKEN: Final = 72 * 1024
"""Characters of the largest token: a 48 KiB entitlement map, its claims and an RSA signature."""
MAX_HEADER: Final = 2048
SEGMENTS: Final = 3

_REFUSED_MEMBERS: Final = ("crit", "zip", "b64", "jku", "jwk", "x5u", "x5c")


class TokenError(DomainError):
    """A text that is no token of ours; ``stage`` is format, header, key, signature or claims."""

    def __init__(self, stage: str, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.stage = stage


@dataclass(frozen=True, slots=True)
class Decoded:
    """A token whose signature holds. Time, issuer and audience are not judged yet."""

    claims_payload: dict[str, Any]
    header: Mapping[str, Any]
    kid: str
    algorithm: Algorithm
    key_state: KeyState


@lru_cache(maxsize=64)
def _header_segment(kid: str, algorithm: Algorithm, typ: str) -> str:
    return b64url_encode(json_dump({"alg": algorithm.value, "kid": kid, "typ": typ}))


def encode(claims: Claims, signer: Signer) -> str:
    """A license token. Raises TokenError ``too_large`` when it would not be accepted again."""
    return _encode(claims.to_json(), LICENSE_TYP, signer)


def encode_document(payload: Mapping[str, Any], typ: str, signer: Signer) -> str:
    """A signed document of kind ``typ``; raises WireError for values JSON cannot say, or TokenError."""
    return _encode(json_dump(payload), typ, signer)


def _encode(payload: bytes, typ: str, signer: Signer) -> str:
    message = f"{_header_segment(signer.kid, signer.algorithm, typ)}.{b64url_encode(payload)}"
    token = f"{message}.{b64url_encode(signer.sign(message.encode('ascii')))}"
    if len(token) > MAX_TOKEN:
        raise TokenError("format", "too_large", f"a token has at most {MAX_TOKEN} characters")
    return token


def decode(text: str, keys: KeySet) -> Decoded:
    """Header and signature of a license token checked, its payload parsed; raises TokenError."""
    return decode_document(text, LICENSE_TYP, keys)


def decode_document(text: str, typ: str, keys: KeySet) -> Decoded:
    """As ``decode``, for documents of kind ``typ``.

    Raises TokenError, stage and reason as listed in docs/formats.md. The payload is parsed only after its
    signature holds. A revoked key still verifies here: the caller reads ``key_state``.
    """
    head, body, tail = _split(text)
    header = _header(head)
    _check_typ(header, typ)
    payload_bytes = _segment(body, "payload")
    signature = _segment(tail, "signature")
    key = keys.get(header["kid"])
    if key is None:
        raise _unknown_key(header["kid"], keys)
    if ALGORITHM_NAMES[header["alg"]] is not key.algorithm:
        raise TokenError("key", "alg_key_mismatch", "the header's 'alg' is not the algorithm of the key")
    if not key.verifies(signature, text[: len(head) + len(body) + 1].encode("ascii")):
        raise TokenError("signature", "signature_invalid", "the signature does not fit the token")
    return Decoded(_payload(payload_bytes), header, key.kid, key.algorithm, key.state)


def _unknown_key(kid: str, keys: KeySet) -> TokenError:
    reason = keys.refused.get(kid)
    if reason is not None:
        return TokenError("key", reason, "the token names a key that may not verify licenses")
    return TokenError("key", "kid_unknown", "the token names a key that is not known here")


def _split(text: str) -> tuple[str, str, str]:
    if not isinstance(text, str):
        raise TokenError("format", "not_text", "a token is text")
    if len(text) > MAX_TOKEN:
        raise TokenError("format", "too_large", f"a token has at most {MAX_TOKEN} characters")
    parts = text.split(".")
    if len(parts) != SEGMENTS or not parts[0] or not parts[1]:
        raise TokenError("format", "not_compact_jws", "a token is three base64url texts with dots between")
    return parts[0], parts[1], parts[2]


def _segment(text: str, name: str) -> bytes:
    try:
        return b64url_decode(text)
    except WireError as error:
        raise TokenError("format", f"{name}_{error.reason}", f"{name}: {error.detail}") from error


@lru_cache(maxsize=128)
def _header(segment: str) -> Mapping[str, Any]:
    """The checked header. Every token of one key has the same one, so the last few are remembered."""
    if len(segment) > MAX_HEADER:
        raise TokenError("header", "header_too_large", "the header is too large")
    try:
        header = json_load(_segment(segment, "header"), max_depth=4)
    except WireError as error:
        raise TokenError("header", f"header_{error.reason}", f"header: {error.detail}") from error
    if not isinstance(header, dict):
        raise TokenError("header", "header_not_object", "the header is not an object")
    for name in _REFUSED_MEMBERS:
        if name in header:
            raise TokenError("header", f"{name}_refused", f"a header with {name!r} is not accepted")
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHM_NAMES:
        raise TokenError("header", "alg_not_allowed", "the header's 'alg' is not RS256 or EdDSA")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID:
        raise TokenError("header", "kid_missing", "the header names no key")
    return MappingProxyType(header)


def _check_typ(header: Mapping[str, Any], expected: str) -> None:
    """``typ`` is a media type: compared without case, ``application/`` may be left out (RFC 7515, 4.1.9)."""
    typ = header.get("typ")
    if typ == expected:
        return
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") != expected:
        raise TokenError("header", "typ_not_allowed", f"the header's 'typ' is not {expected}")


def _payload(data: bytes) -> dict[str, Any]:
    try:
        payload = json_load(data)
    except WireError as error:
        raise TokenError("claims", f"payload_{error.reason}", f"payload: {error.detail}") from error
    if not isinstance(payload, dict):
        raise TokenError("claims", "payload_not_object", "the payload is not an object")
    return payload
