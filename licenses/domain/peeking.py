"""What a text says of itself, whoever signed it: for people who want to know why a key is refused.

Nothing here is proved. Reading is lenient on purpose, never raises and bounds what it reads; only
``verification.verify`` says whether a key holds.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from licenses.domain import lic1
from licenses.domain.enums import Format
from licenses.domain.errors import DomainError
from licenses.domain.formats import MAX_TEXT, Recognised, from_paste, recognise, shape


@dataclass(frozen=True, slots=True)
class Peek:
    """What a text turned out to be, its header and its claims as far as they could be read."""

    recognised: Recognised
    header: Mapping[str, Any] | None = None
    payload: Mapping[str, Any] | None = None


def peek(text: str) -> Peek:
    """Read a text without judging it."""
    recognised = recognise(text)
    if len(text) > MAX_TEXT:
        return Peek(recognised)
    text = from_paste(text)
    match shape(text):
        case Format.JWT:
            head, _, rest = text.partition(".")
            return Peek(recognised, _object(_unbase64(head)), _object(_unbase64(rest.partition(".")[0])))
        case Format.ENVELOPE:
            outer = _object(text.encode("utf-8", "replace")) or {}
            header = {name: outer[name] for name in ("format", "alg", "kid") if name in outer}
            return Peek(recognised, header or None, _object(_unbase64(outer.get("payload"))))
        case Format.LIC1:
            return Peek(recognised, {"format": "LIC1", "alg": "EdDSA"}, _lic1(text))
    return Peek(recognised)


def _unbase64(text: Any) -> bytes:
    if not isinstance(text, str):
        return b""
    body = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4))
    except (ValueError, binascii.Error):
        return b""


def _object(data: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(data)
        # Half of a surrogate pair, which JSON can escape and UTF-8 cannot say, becomes a question mark.
        value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _lic1(text: str) -> Mapping[str, Any] | None:
    try:
        fields = lic1.parse(text).fields
    except DomainError:
        return None
    return {
        "ver": fields.version,
        "kind": fields.kind.value,
        "license_uid": str(fields.license_uid),
        "product_uid": str(fields.product_uid),
        "iat": fields.issued_at,
        "exp": fields.expires_at,
        "ent": dict.fromkeys(fields.entitlements, True),
        "fp": fields.fingerprint_sha256,
    }
