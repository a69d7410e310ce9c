"""Standard Webhooks (https://www.standardwebhooks.com): secrets, the signature, and the headers that carry it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES, NEW_BYTES = 24, 64, 32
AGENT = "Signet-Webhooks/1"


class UnfitSecretError(ValueError):
    """A text that is no secret of Standard Webhooks. The message never repeats it."""


def secret_text(raw: bytes) -> str:
    """Write random bytes as a secret, `whsec_` and base64. Raises UnfitSecretError for a length out of bounds."""
    if not LEAST_BYTES <= len(raw) <= MOST_BYTES:
        raise UnfitSecretError(f"a secret has {LEAST_BYTES} to {MOST_BYTES} bytes")
    return PREFIX + base64.b64encode(raw).decode()


def secret_bytes(secret: str) -> bytes:
    """Return the key within a secret. Raises UnfitSecretError."""
    if not secret.startswith(PREFIX):
        raise UnfitSecretError(f"a secret begins with {PREFIX}")
    try:
        raw = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise UnfitSecretError("a secret is written in base64") from None
    if not LEAST_BYTES <= len(raw) <= MOST_BYTES:
        raise UnfitSecretError(f"a secret has {LEAST_BYTES} to {MOST_BYTES} bytes")
    return raw


def signature(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`. Raises UnfitSecretError."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(secret_bytes(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def headers(secrets: Sequence[str], *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of one request. While two secrets are in force it carries a signature of each."""
    signed = (signature(one, message_id=message_id, timestamp=timestamp, body=body) for one in secrets)
    return {
        "Content-Type": "application/json",
        "User-Agent": AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signed),
    }
