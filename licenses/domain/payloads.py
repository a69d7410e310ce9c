"""The payload that stands below the signature of an issued text, from its claims alone.

Whoever is to see what was signed, and is not to hold a license, gets these bytes and no signature.
"""

from __future__ import annotations

from uuid import UUID

from licenses.domain import lic1
from licenses.domain.claims import Claims
from licenses.domain.enums import Algorithm, Format
from licenses.domain.wire import json_dump


def signed_payload(
    format: Format,  # noqa: A002 - the word of the vocabulary
    claims: Claims,
    *,
    kid: str,
    product_uid: UUID,
    license_uid: UUID,
) -> bytes:
    """The very bytes that a codec signs: a token's second segment, an envelope's payload, the body of a LIC1 key.

    Raises Lic1Error for claims that no LIC1 key can say.
    """
    match Format(format):
        case Format.JWT:
            return claims.to_json()
        case Format.ENVELOPE:
            return json_dump({**claims.to_payload(), "alg": Algorithm.RS256.value, "kid": kid})
        case Format.LIC1:
            fields = lic1.Lic1Fields.from_claims(claims, product_uid=product_uid, license_uid=license_uid)
            return lic1.pack(fields)
