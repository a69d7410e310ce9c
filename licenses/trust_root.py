"""Which public keys our own license must be signed with (C1), and who its master is.

In this order: what SIGNET_SELF_LICENSE_TRUST_ROOT holds; the key set that this copy of the product carries in
`trust_root.json`; without either this installation is its own master, and its own keys count.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Final

from django.conf import settings

from licenses import selectors
from licenses.domain.enums import Format
from licenses.domain.formats import from_paste, shape
from licenses.domain.keys import (
    KeyMaterialError,
    KeySet,
    VerificationKey,
    algorithm_of,
    kid_of,
    load_public_pem,
)
from licenses.domain.verification import Failure, Verification, verify

EMBEDDED: Final = Path(__file__).with_name("trust_root.json")
WITH_PRODUCT: Final = frozenset({Format.JWT, Format.ENVELOPE})
"""Formats that say which product they are for. A LIC1 key names it by a number that only its issuer knows."""
_PEM: Final = re.compile(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


def is_own_master() -> bool:
    """Whether this installation issues its own license: no other master and no foreign key is named."""
    return not settings.SELF_LICENSE_MASTER_URL and not _named()


def trust_root() -> KeySet:
    """The keys that count. Raises KeyMaterialError for a setting that holds no key set."""
    named = _named()
    if named:
        return parse(named)
    return KeySet(()) if settings.SELF_LICENSE_MASTER_URL else selectors.key_set()


def parse(text: str) -> KeySet:
    """A key set from JWKS, or from one or more public keys in PEM. Raises KeyMaterialError."""
    if text.lstrip().startswith("{"):
        return KeySet.from_jwks(text)
    keys = [load_public_pem(pem) for pem in _PEM.findall(text)]
    if not keys:
        raise KeyMaterialError("pem_invalid", "neither a JWK set nor a public key in PEM")
    return KeySet(VerificationKey(kid_of(key), algorithm_of(key), key) for key in keys)


def issuer() -> str:
    """`iss` that our own license carries."""
    if settings.SELF_LICENSE_ISSUER:
        return str(settings.SELF_LICENSE_ISSUER)
    return str(settings.ISSUER) if is_own_master() else "signet"


def own_key_verify(text: str, at: datetime) -> Verification:
    """Is this a key for this installation? Nothing but the text, the trust root and the clock is asked (C1).

    A license that is bound to a machine must be bound to the domain of this installation. Never raises.
    """
    text = from_paste(text)
    try:
        keys = trust_root()
    except KeyMaterialError as error:
        return _failed("key", error.reason, f"the trust root cannot be used: {error.detail}")
    if shape(text) not in WITH_PRODUCT:
        return _failed("format", "unknown_format", "a license of this installation is a JWT or an envelope")
    return verify(
        text, keys, now=at, issuer=issuer(), audience=settings.SELF_LICENSE_PRODUCT,
        fingerprint=settings.SELF_LICENSE_DOMAIN,
    )  # fmt: skip


def _named() -> str:
    if settings.SELF_LICENSE_TRUST_ROOT:
        return str(settings.SELF_LICENSE_TRUST_ROOT)
    embedded = EMBEDDED.read_text(encoding="utf-8")
    return embedded if '"kty"' in embedded else ""


def _failed(stage: str, reason: str, detail: str) -> Verification:
    return Verification(False, stage, reason, detail, failures=(Failure(stage, reason, detail),))
