"""What history says of money: ids, amounts and states, nothing of a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from billing.models import Payment
from history.domain.kinds import Kind
from history.services import record
from licenses.models import License


def payment_record(payment: Payment, licenses: Sequence[License], *, actor: str, at: datetime) -> None:
    """`payment.settled`, and `payment.mismatched` when another amount came in than was quoted (C27)."""
    data: dict[str, Any] = {
        "source": payment.source,
        "purpose": payment.purpose,
        "reference": payment.reference,
        "offer": payment.offer.slug,
        "licenses": [row.public_id for row in licenses],
        "currency": payment.currency,
        "amount_minor": payment.amount_minor,
        "tax_minor": payment.tax_minor,
        "livemode": payment.livemode,
        "counted": payment.counted,
    }
    if payment.checkout is not None:
        data |= {
            "checkout": str(payment.checkout.uid),
            "managed_products": payment.checkout.managed_products,
        }
    payment_event(Kind.PAYMENT_SETTLED, payment, data, actor=actor, at=at)
    if is_mismatched(payment):
        told = {
            "reference": payment.reference,
            "currency": payment.currency,
            "amount_minor": payment.amount_minor,
            "tax_minor": payment.tax_minor,
            "expected_minor": payment.expected_minor,
            "expected_currency": payment.checkout.currency if payment.checkout else payment.currency,
        }
        payment_event(Kind.PAYMENT_MISMATCHED, payment, told, actor=actor, at=at)


def is_mismatched(payment: Payment) -> bool:
    """Whether what was paid is neither with nor without its tax what was quoted."""
    if payment.expected_minor is None:
        return False
    currency = payment.checkout.currency if payment.checkout else payment.currency
    return payment.currency != currency or payment.expected_minor not in {
        payment.amount_minor,
        payment.amount_minor - payment.tax_minor,
    }


def payment_event(kind: Kind, payment: Payment, data: dict[str, Any], *, actor: str, at: datetime) -> None:
    """One event about a payment."""
    record(
        kind=kind,
        subject=f"payment:{payment.uid}",
        account=payment.account.customer_id,
        actor=actor,
        data=data,
        at=at,
    )
