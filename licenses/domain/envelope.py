"""The RSA envelope file ``.lic`` (E1): JSON that names its algorithm, its key, a payload and a signature.

The file has exactly one spelling: reading it writes it again and compares the bytes. The payload repeats
``alg`` and ``kid``, so no byte of the file is outside the signature and any changed byte is refused.
"""

from __future__ import annotations

import base64
from typing import Any, Final

from licenses.domain.claims import Claims
from licenses.domain.enums import Algorithm
from licenses.domain.errors import DomainError
from licenses.domain.keys import KeySet
from licenses.domain.signer import Signer
from licenses.domain.tokens import MAX_TOKEN, Decoded, TokenError
from licenses.domain.wire import WireError, b64_decode, json_dump, json_load

FORMAT: Final = "signet-license/1"
MAX_ENVELOPE: Final = MAX_TOKEN
_MEMBERS: Final = ("format", "alg", "kid", "payload", "signature")


class EnvelopeError(DomainError):
    """Something that an envelope cannot hold, found while writing one."""


def encode(claims: Claims, signer: Signer) -> str:
    """The text of a license file, ending in a newline; RSASSA-PKCS1-v1_5 with SHA-256 over the payload.

    Raises EnvelopeError ``needs_rsa`` or ``too_large``.
    """
    if signer.algorithm is not Algorithm.RS256:
        raise EnvelopeError("needs_rsa", "envelopes are signed with an RSA key")
    names = {"alg": Algorithm.RS256.value, "kid": signer.kid}
    payload = json_dump({**claims.to_payload(), **names})
    text = _render(signer.kid, payload, signer.sign(payload))
    if len(text) > MAX_ENVELOPE:
        raise EnvelopeError("too_large", f"an envelope has at most {MAX_ENVELOPE} characters")
    return text


def _render(kid: str, payload: bytes, signature: bytes) -> str:
    members = {
        "format": FORMAT,
        "alg": Algorithm.RS256.value,
        "kid": kid,
        "payload": base64.b64encode(payload).decode("ascii"),
        "signature": base64.b64encode(signature).decode("ascii"),
    }
    return json_dump(members).decode("utf-8") + "\n"


def decode(text: str, keys: KeySet) -> Decoded:
    """The payload of an envelope whose signature holds.

    Raises TokenError: format ``bad_format``, header ``alg_not_allowed``, key ``kid_unknown`` or
    ``alg_key_mismatch``, signature ``signature_invalid``, claims ``payload_…`` or ``names_differ``.
    """
    if not isinstance(text, str) or len(text) > MAX_ENVELOPE:
        raise _bad(f"an envelope is a text of at most {MAX_ENVELOPE} characters")
    outer = _outer(text)
    payload, signature = _bytes(outer["payload"]), _bytes(outer["signature"])
    if outer["alg"] != Algorithm.RS256.value:
        raise TokenError("header", "alg_not_allowed", "envelopes are signed with RS256")
    if outer["format"] != FORMAT or _render(outer["kid"], payload, signature) != text:
        raise _bad("the file is not spelled as it was written")
    key = keys.get(outer["kid"])
    if key is None:
        reason = keys.refused.get(outer["kid"], "kid_unknown")
        raise TokenError("key", reason, "the envelope names a key that may not verify here")
    if key.algorithm is not Algorithm.RS256:
        raise TokenError("key", "alg_key_mismatch", "the envelope names a key that is not RSA")
    if not key.verifies(signature, payload):
        raise TokenError("signature", "signature_invalid", "the signature does not fit the payload")
    return Decoded(_inner(payload, key.kid), outer, key.kid, key.algorithm, key.state)


def _outer(text: str) -> dict[str, str]:
    try:
        outer = json_load(text, max_depth=1)
    except WireError as error:
        raise _bad(error.detail) from error
    if not isinstance(outer, dict) or tuple(outer) != _MEMBERS:
        raise _bad(f"an envelope has the members {', '.join(_MEMBERS)}, in this order")
    if not all(isinstance(value, str) for value in outer.values()):
        raise _bad("the members of an envelope are texts")
    return outer


def _bytes(text: str) -> bytes:
    try:
        return b64_decode(text)
    except WireError as error:
        raise _bad(error.detail) from error


def _inner(payload: bytes, kid: str) -> dict[str, Any]:
    try:
        inner = json_load(payload)
    except WireError as error:
        raise TokenError("claims", f"payload_{error.reason}", f"payload: {error.detail}") from error
    if not isinstance(inner, dict):
        raise TokenError("claims", "payload_not_object", "the payload is not an object")
    if inner.pop("alg", None) != Algorithm.RS256.value or inner.pop("kid", None) != kid:
        raise TokenError("claims", "names_differ", "the payload was signed for another key or algorithm")
    return inner


def _bad(detail: str) -> TokenError:
    return TokenError("format", "bad_format", detail)
