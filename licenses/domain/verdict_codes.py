"""The codes of a verdict, in order: the one table that offline and online checks share (C22)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FAILURES: Final[Mapping[str, str]] = {
    "rate_limited": "Too many validations; ask again later.",
    "bad_format": "The text is not a license in a known format.",
    "bad_signature": "The license is not signed by a key that is trusted here.",
    "key_revoked": "The key that signed the license was revoked.",
    "issuer_mismatch": "The license was issued by somebody else.",
    "not_found": "The license is not known here.",
    "revoked": "The license was revoked.",
    "suspended": "The license is suspended.",
    "product_mismatch": "The license is for another product.",
    "not_yet_valid": "The license has not started yet.",
    "expired": "The license and its grace period are over.",
    "fingerprint_mismatch": "The license is bound to another machine.",
    "too_many_machines": "The license has no place left for another machine.",
    "too_many_collectors": "The license has no place left for another collector.",
}
"""Every code that a license can fail with, in the order of the checks; the first one is the ``reason``."""

WARNINGS: Final[Mapping[str, str]] = {
    "expiring": "The license expires soon.",
    "in_grace_period": "The license has expired and runs in its grace period.",
    "token_superseded": "A newer key was issued for this license.",
    "key_retired": "The key that signed the license is retired; fetch a fresh license.",
    "legacy_format": "The key is of an old version of its format.",
    "fingerprint_not_checked": "The license is bound to a machine and no fingerprint was given.",
    "nodes_over_cap": "More nodes are in use than the license covers.",
    "seats_exceeded": "More seats are in use than the license covers.",
}
"""What deserves attention without failing, in order."""

HIDING: Final = frozenset({"rate_limited", "bad_format", "bad_signature", "issuer_mismatch"})
"""After these nothing about a license is said: whoever asks holds none of ours."""

_BY_REASON: Final = {
    "key_revoked": "key_revoked",
    "key_not_for_product": "product_mismatch",
    "issuer_mismatch": "issuer_mismatch",
    "audience_mismatch": "product_mismatch",
    "product_mismatch": "product_mismatch",
    "revoked": "revoked",
    "not_yet_valid": "not_yet_valid",
    "issued_in_future": "not_yet_valid",
    "expired": "expired",
    "fingerprint_mismatch": "fingerprint_mismatch",
}
_BY_STAGE: Final = {
    "format": "bad_format",
    "header": "bad_format",
    "key": "bad_signature",
    "signature": "bad_signature",
    "claims": "bad_format",
    "revocation": "revoked",
}


def code_of(stage: str, reason: str) -> str:
    """The verdict's code for a failed check of ``verification.verify``."""
    return _BY_REASON.get(reason) or _BY_STAGE[stage]
