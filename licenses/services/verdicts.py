"""The verdict as a signed document that a customer can keep and check offline."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from licenses import selectors
from licenses.domain.enums import Algorithm
from licenses.domain.tokens import encode_document
from licenses.domain.verdict import Verdict
from licenses.models import License, Product
from licenses.signers import signer_of

TYP = "verdict+jwt"
KEPT_FOR = timedelta(hours=24)


def verdict_sign(judged: Verdict, *, nonce: str | None = None, at: datetime) -> str:
    """Return the verdict as a compact JWS of type `verdict+jwt`, good until it changes, a day at most.

    Signed by the key of the license's product; a verdict about no license of ours by the shared key.
    `nonce` comes back as the caller sent it, so that an old document cannot answer a new question.
    Raises NoSigningKey, SealingKeyMissing (503).
    """
    row = License.objects.select_related("product").by_public_id(judged.license_id or "").first()
    product = row.product if row else Product()
    key = selectors.active_key(product, Algorithm(product.algorithm))
    until = min(at + KEPT_FOR, judged.changes_at or at + KEPT_FOR)
    payload = {
        "iss": settings.ISSUER,
        "iat": int(at.timestamp()),
        "exp": int(until.timestamp()),
        **({"nonce": nonce} if nonce is not None else {}),
        "verdict": judged.to_dict(),
    }
    return encode_document(payload, TYP, signer_of(key))
