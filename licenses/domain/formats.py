"""The table of token formats, and telling them apart by their text alone (D19).

Adding a format is adding a module and a line in ``CODECS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from licenses.domain import envelope, lic1, tokens
from licenses.domain.claims import Claims
from licenses.domain.enums import Algorithm, Format
from licenses.domain.errors import DomainError
from licenses.domain.keys import ALGORITHM_NAMES
from licenses.domain.signer import Signer
from licenses.domain.wire import WireError, b64url_decode, json_load

MAX_TEXT: Final = lic1.MAX_KEY
"""Characters of the longest text that any format allows."""


class FormatError(DomainError):
    """A format that cannot be written with what was given."""


class Recognition(StrEnum):
    """What a text turns out to be."""

    JWT = "jwt"
    LIC1 = "lic1"
    ENVELOPE = "envelope"
    LEGACY = "legacy"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a text says it is; nothing is verified. ``format`` is set when a codec reads it."""

    kind: Recognition
    algorithm: Algorithm | None = None
    format: Format | None = None


@dataclass(frozen=True, slots=True)
class Codec:
    """One row of the table: who may sign it, how long it may be, how it is written and delivered."""

    format: Format
    algorithms: frozenset[Algorithm]
    max_chars: int
    file_suffix: str
    content_type: str
    encode: Callable[[Claims, Signer, UUID | None, UUID | None], str]


def _encode_jwt(claims: Claims, signer: Signer, _product: UUID | None, _license: UUID | None) -> str:
    return tokens.encode(claims, signer)


def _encode_envelope(claims: Claims, signer: Signer, _product: UUID | None, _license: UUID | None) -> str:
    return envelope.encode(claims, signer)


def _encode_lic1(claims: Claims, signer: Signer, product: UUID | None, license_: UUID | None) -> str:
    if product is None or license_ is None:
        raise FormatError("needs_uids", "a LIC1 key names product and license by UUID")
    fields = lic1.Lic1Fields.from_claims(claims, product_uid=product, license_uid=license_)
    return lic1.encode(fields, signer)


CODECS: Final[Mapping[Format, Codec]] = {
    codec.format: codec
    for codec in (
        Codec(Format.JWT, frozenset(Algorithm), tokens.MAX_TOKEN, "jwt", "application/jwt", _encode_jwt),
        Codec(Format.LIC1, frozenset({Algorithm.EDDSA}), lic1.MAX_KEY, "txt", "text/plain", _encode_lic1),
        Codec(
            Format.ENVELOPE,
            frozenset({Algorithm.RS256}),
            envelope.MAX_ENVELOPE,
            "lic",
            "application/json",
            _encode_envelope,
        ),
    )
}


def encode(
    format: Format,  # noqa: A002 - the word of the vocabulary
    claims: Claims,
    *,
    signer: Signer,
    product_uid: UUID | None = None,
    license_uid: UUID | None = None,
) -> str:
    """The signed text of ``claims``; ``lic1`` needs both UUIDs.

    Raises FormatError ``algorithm_not_for_format`` or ``needs_uids``, and what the codec raises
    (TokenError, Lic1Error, EnvelopeError), all of them DomainError.
    """
    codec = CODECS[Format(format)]
    if signer.algorithm not in codec.algorithms:
        raise FormatError("algorithm_not_for_format", f"{codec.format} is not signed with {signer.algorithm}")
    return codec.encode(claims, signer, product_uid, license_uid)


def shape(text: str) -> Format | None:
    """Which codec reads a text, by its first characters; None when no codec does."""
    if text[:5].upper() == lic1.PREFIX:
        return Format.LIC1
    if text.startswith("{"):
        return Format.ENVELOPE
    if text.startswith("ey") or text.count(".") == 2:  # noqa: PLR2004 - a JWS has two dots
        return Format.JWT
    return None


def from_paste(text: str) -> str:
    """A key as a person pastes it: without white space around it; a file stays as it is."""
    stripped = text.strip()
    return text if stripped.startswith("{") else stripped


_SERIAL: Final = re.compile(r"[A-Z0-9]{4,8}(?:-[A-Z0-9]{4,8}){2,9}", re.IGNORECASE)
_ARMOUR: Final = re.compile(r"-----BEGIN [A-Z0-9 ]*LICEN[CS]E[A-Z0-9 ]*-----")


def recognise(text: object) -> Recognised:
    """What a text is, without any key (D19); never raises.

    Legacy are version 1 LIC1 keys (still verified), JWTs without our ``typ``, serial numbers in groups
    and armoured license blocks of older generators (recorded, not verified).
    """
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        return Recognised(Recognition.UNKNOWN)
    text = from_paste(text)
    match shape(text):
        case Format.LIC1:
            return _recognise_lic1(text)
        case Format.ENVELOPE:
            return _recognise_envelope(text)
        case Format.JWT:
            return _recognise_jwt(text)
    if _SERIAL.fullmatch(text) or _ARMOUR.match(text):
        return Recognised(Recognition.LEGACY)
    return Recognised(Recognition.UNKNOWN)


def _recognise_lic1(text: str) -> Recognised:
    try:
        version = lic1.parse(text).fields.version
    except DomainError:
        return Recognised(Recognition.UNKNOWN)
    kind = Recognition.LEGACY if version == lic1.V1 else Recognition.LIC1
    return Recognised(kind, Algorithm.EDDSA, Format.LIC1)


def _recognise_envelope(text: str) -> Recognised:
    try:
        members = json_load(text, max_depth=1)
    except WireError:
        return Recognised(Recognition.UNKNOWN)
    if not isinstance(members, dict) or members.get("format") != envelope.FORMAT:
        return Recognised(Recognition.UNKNOWN)
    return Recognised(Recognition.ENVELOPE, Algorithm.RS256, Format.ENVELOPE)


def _recognise_jwt(text: str) -> Recognised:
    try:
        header = json_load(b64url_decode(text.partition(".")[0]), max_depth=4)
    except WireError:
        return Recognised(Recognition.UNKNOWN)
    if not isinstance(header, dict) or text.count(".") != 2:  # noqa: PLR2004 - a JWS has two dots
        return Recognised(Recognition.UNKNOWN)
    name, typ = header.get("alg"), header.get("typ", "JWT")
    algorithm = ALGORITHM_NAMES.get(name) if isinstance(name, str) else None
    if not isinstance(typ, str) or algorithm is None:
        return Recognised(Recognition.UNKNOWN)
    match typ.lower().removeprefix("application/"):
        case tokens.LICENSE_TYP:
            return Recognised(Recognition.JWT, algorithm, Format.JWT)
        case "jwt":
            return Recognised(Recognition.LEGACY, algorithm)
    return Recognised(Recognition.UNKNOWN, algorithm)
