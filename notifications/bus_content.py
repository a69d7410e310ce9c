"""What a purchase event says (docs/events.md). Nothing in it is a usable license, and nothing is personal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from billing.models import Fulfilment, Payment
from licenses.domain.claims import Claims
from licenses.domain.enums import Format
from licenses.domain.payloads import signed_payload
from licenses.domain.wire import b64url_encode
from licenses.models import Issuance
from notifications.domain.bus import EVENT, VERSION


def body_of(issuance: Issuance) -> str:
    """The document of an issuance, as it is published: compact JSON, UTF-8."""
    return json.dumps(document_of(issuance), ensure_ascii=False, separators=(",", ":"))


def document_of(issuance: Issuance) -> dict[str, Any]:
    """Version 1 of the document. The issuance comes with its license, account, product, plan and signing key."""
    row = issuance.license
    payment = payment_of(issuance)
    return {
        "event": EVENT,
        "version": VERSION,
        "id": issuance.jti_text,
        "occurred_at": _instant(issuance.issued_at),
        "cause": issuance.cause,
        "license": {
            "id": row.public_id,
            "group_name": row.account.slug,
            "customer_id": row.account.customer_id,
            "product_key": row.product.product_key,
            "plan": issuance.claims["plan"],
            "seats": issuance.claims["seats"],
            "expires_at": _instant(issuance.expires_at),
        },
        "issuance": {
            "jti": issuance.jti_text,
            "kid": issuance.signing_key.kid,
            "format": issuance.format,
            "sha256": issuance.text_sha256,
        },
        "signed_payload": b64url_encode(payload_of(issuance)),
        "payment": _payment(payment),
        "stripe": _stripe(payment),
    }


def payload_of(issuance: Issuance) -> bytes:
    """The very bytes below the signature of an issuance."""
    return signed_payload(
        Format(issuance.format),
        Claims.from_payload(issuance.claims),
        kid=issuance.signing_key.kid,
        product_uid=issuance.license.product.uid,
        license_uid=issuance.license.uid,
    )


def payment_of(issuance: Issuance) -> Payment | None:
    """The payment that an issuance was made for."""
    found = (
        Fulfilment.objects.filter(issuance=issuance)
        .select_related("payment__checkout", "payment__subscription", "payment__offer")
        .first()
    )
    return found.payment if found else None


def _payment(row: Payment | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "id": str(row.uid),
        "purpose": row.purpose,
        "offer": row.offer.lookup_key,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "paid_at": _instant(row.paid_at),
    }


def _stripe(row: Payment | None) -> dict[str, Any] | None:
    """Ids of Stripe's objects; null where a purchase has none."""
    if row is None:
        return None
    return {
        "livemode": row.livemode,
        "customer": row.customer_ref or None,
        "checkout_session": (row.checkout.session_id or None) if row.checkout else None,
        "subscription": row.subscription.stripe_id if row.subscription else None,
        "invoice": row.invoice_ref or None,
        "payment_intent": row.intent_ref or None,
    }


def _instant(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None
