"""What mail to a buyer says, in plain values: of a payment, a refund, a cycle of payments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from accounts.models import Account
from billing.domain.enums import PaymentSource, PaymentState, Purpose
from billing.domain.money import money_text
from billing.models import Fulfilment, MerchantProfile, Offer, Payment, Subscription
from licenses.services.artifacts import artifact_filename, artifact_text
from notifications.parts import Attachment

OCTETS = "application/octet-stream"
"""Of no kind that a mail program would change a line end of: these are the bytes that were signed (E23)."""


def purchase_content(
    row: Payment, *, actor: str, at: datetime
) -> tuple[dict[str, Any], list[Attachment], list[str]]:
    """Context, files and secrets of the mail of a payment. Each key that is shown is an event of its own."""
    brought = Fulfilment.objects.filter(payment=row).order_by("position").select_related(
        "license__account", "license__product", "license__plan", "issuance__signing_key", "issuance__license"
    )  # fmt: skip
    items, files, secrets = [], [], []
    for delivery in brought:
        text = _key(delivery, actor, at)
        item = _item(delivery, text)
        items.append(item)
        if text:
            files.append(Attachment(item["filename"], OCTETS, text.encode(), secret=True))
            secrets.append(text.strip())
    context = _common(row.merchant, row.account, row.offer) | {
        "name": row.customer_name,
        "purpose": row.purpose,
        "renewal": row.purpose == Purpose.PURCHASE and row.source == PaymentSource.INVOICE,
        "product": items[0]["product"] if items else row.offer.name,
        "licenses": items,
        "has_key": bool(files),
        "amount": money_text(row.amount_minor, row.currency),
        "amount_minor": row.amount_minor,
        "tax": money_text(row.tax_minor, row.currency),
        "tax_minor": row.tax_minor,
        "paid_at": row.paid_at,
        "period_start": row.period_start,
        "period_end": row.period_end if row.period_start else None,
        "reference": row.reference,
        "invoice": row.invoice_ref if row.invoice_ref != row.reference else "",
    }
    return context, files, secrets


def _key(delivery: Fulfilment, actor: str, at: datetime) -> str:
    """The text of a delivered key; empty when none was signed or kept."""
    issuance = delivery.issuance
    if issuance is None or issuance.artifact is None:
        return ""
    issuance.license = delivery.license
    return artifact_text(issuance=issuance, actor=actor, at=at)


def _item(delivery: Fulfilment, text: str) -> dict[str, Any]:
    row, issuance = delivery.license, delivery.issuance
    name = ""
    if text and issuance is not None:
        name = f"{artifact_filename(issuance).rpartition('.')[0]}.lic"
    return {
        "product": row.product.name,
        "plan": row.plan.name,
        "license_id": row.public_id,
        "expires_at": issuance.expires_at if issuance else row.expires_at,
        "seats": f"{row.seats:,}" if row.seats else "",
        "seat_label": row.product.seat_label.capitalize(),
        "maintenance_until": row.maintenance_expires_at,
        "key": text.strip(),
        "filename": name,
    }


_LOST: Final[Mapping[str, str]] = {Purpose.MAINTENANCE: "maintenance", Purpose.TIER_CHANGE: "change of plan"}
"""What no longer counts after a full refund, where it is not the license itself."""


def refund_content(row: Payment, *, refunded_minor: int, state: str) -> dict[str, Any]:
    """Context of the mail of a refund, as it stood when it happened."""
    licenses = Fulfilment.objects.filter(payment=row).order_by("position").select_related("license")
    return _common(row.merchant, row.account, row.offer) | {
        "name": row.customer_name,
        "full": state == PaymentState.REFUNDED,
        "lost": _LOST.get(row.purpose, ""),
        "amount": money_text(row.amount_minor, row.currency),
        "refunded": money_text(refunded_minor, row.currency),
        "licenses": [delivery.license.public_id for delivery in licenses],
        "reference": row.reference,
    }


def cycle_content(row: Subscription, *, name: str) -> dict[str, Any]:
    """Context of mail about a subscription: whose, what it costs, and until when its license works."""
    return _common(row.merchant, row.account, row.offer) | {
        "name": name,
        "amount": money_text(row.amount_minor, row.currency),
        "license_id": row.license.public_id if row.license else "",
        "works_until": row.license.expires_at if row.license else row.period_end,
    }


def _common(merchant: MerchantProfile, account: Account, offer: Offer) -> dict[str, Any]:
    context: dict[str, Any] = {
        "account": account.name,
        "offer": offer.name,
        "support": merchant.support_email,
    }
    return context | ({"brand": merchant.brand} if merchant.brand else {})
