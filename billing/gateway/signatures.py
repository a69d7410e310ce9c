"""Whether a webhook's body is Stripe's, judged over the raw bytes of header and body (trust: Stripe)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

from config.kit.errors import Malformed

TOLERANCE_SECONDS = 300
DIGITS = 15


class SignatureInvalid(Malformed):
    """Not signed by Stripe with a secret of ours, or signed too long ago or ahead (400)."""

    code = "signature_invalid"
    title = "The signature of this event is not valid."


def webhook_verify(payload: bytes, header: str, secrets: Sequence[str], *, at: datetime) -> list[str]:
    """The secrets under which one `v1` signature of the header fits the body: at least one of them.

    `header` is `Stripe-Signature` as it came; both may hold anything. The time in it may lie five minutes
    before or after `at`, both inclusive. Raises SignatureInvalid (400). Source: docs.stripe.com/webhooks.
    """
    stamp, signatures = _parts(header)
    if stamp is None or abs(int(at.timestamp()) - int(stamp)) > TOLERANCE_SECONDS:
        raise SignatureInvalid
    signed = stamp + b"." + payload
    expected = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode() for secret in secrets]
    fitted = [
        secret
        for secret, mine in zip(secrets, expected, strict=True)
        if True in [hmac.compare_digest(mine, theirs) for theirs in signatures]
    ]
    if not fitted:
        raise SignatureInvalid
    return fitted


def _parts(header: str) -> tuple[bytes | None, list[bytes]]:
    """The time stamp, if it is one plain number, and the `v1` signatures."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in pairs if name == "t"]
    signatures = [value.encode("utf-8", "replace") for name, _, value in pairs if name == "v1"]
    if len(stamps) != 1 or not (stamps[0].isascii() and stamps[0].isdigit()) or len(stamps[0]) > DIGITS:
        return None, []
    return stamps[0].encode(), signatures[:10]
