"""Money that went back: a full refund takes back what was paid for, a part of it is only recorded."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from billing import gateway
from billing.domain.enums import PaymentState
from billing.domain.parking import Reason
from billing.domain.payments import refunded_state
from billing.gateway import IntentFacts
from billing.models import MerchantProfile, Payment
from billing.parked import Early, Parked
from billing.services.recording import payment_event
from billing.services.renewing import invoice_settle
from billing.services.reversals import payment_reverse
from billing.services.settling import payment_settle
from config.kit.locks import locked
from history.domain.kinds import Kind

ROUNDS = 5
INTENT = "pi_"
DISPUTED = (PaymentState.DISPUTED, PaymentState.CHARGED_BACK)


def refund_follow(*, merchant: MerchantProfile, reference: str, actor: str, at: datetime) -> bool:
    """Something changed about the money of an intent (or of a charge). False when it is none of ours."""
    payment = payment_of_money(merchant=merchant, reference=reference, actor=actor, at=at)
    if payment is None:
        return False
    payment_sync(payment=payment, actor=actor, at=at)
    return True


def payment_of_money(
    *, merchant: MerchantProfile, reference: str, actor: str, at: datetime
) -> Payment | None:
    """The payment that an intent or charge belongs to, settled now when its own event has not come yet."""
    intent = (
        reference if reference.startswith(INTENT) else gateway.charge_read(merchant, reference).payment_intent
    )
    if not intent:
        return None
    known = Payment.objects.filter(merchant=merchant, intent_ref=intent)
    found = known.first()
    if found is not None:
        return found
    for session in gateway.sessions_of_intent(merchant, intent):
        if session.paid:
            payment_settle(merchant=merchant, session=session, actor=actor, at=at)
    for invoice in gateway.invoices_of_intent(merchant, intent):
        settled = invoice_settle(merchant=merchant, invoice_id=invoice, actor=actor, at=at)
        if settled is not None and not settled.intent_ref:
            Payment.objects.filter(pk=settled.pk).update(intent_ref=intent)
    return known.first()


def payment_sync(*, payment: Payment, actor: str, at: datetime) -> Payment:
    """Write how much of a payment Stripe says went back; take back what it gave when that is all of it.

    Guarded by the revision as `subscription_sync`. Raises Parked when a refund came back after that, and when
    what the payment gave cannot be taken back by itself.
    """
    known = Payment.objects.filter(pk=payment.pk)
    for _ in range(ROUNDS):
        revision = known.values_list("revision", flat=True).get()
        facts = gateway.intent_read(payment.merchant, payment.intent_ref)
        with transaction.atomic():
            row = hold(known)
            if row.revision != revision:
                continue
            problem = _write(row, facts, actor, at)
        if problem is not None:
            raise Parked(problem, f"Payment {row.reference}.")
        return row
    raise Early("The payment is being written by others.")


def hold(rows: QuerySet[Payment]) -> Payment:
    """The payment under its lock."""
    return locked(rows.select_related("account", "merchant", "offer")).get()


def _write(row: Payment, facts: IntentFacts, actor: str, at: datetime) -> Reason | None:
    """Why a person must look at it: a full refund that failed, or came after other changes."""
    before, was = row.refunded_minor, row.state
    row.refunded_minor = sum(charge.refunded_minor for charge in facts.charges)
    row.revision += 1
    if was not in DISPUTED:
        row.state = refunded_state(amount_minor=row.amount_minor, refunded_minor=row.refunded_minor)
    row.save(update_fields=["refunded_minor", "revision", "state"])
    if row.refunded_minor == before:
        return None
    data = {
        "reference": row.reference,
        "currency": row.currency,
        "refunded_minor": row.refunded_minor,
        "amount_minor": row.amount_minor,
        "state": str(row.state),
    }
    payment_event(Kind.PAYMENT_REFUNDED, row, data, actor=actor, at=at)
    if row.state != PaymentState.REFUNDED:
        return Reason.REFUND_FAILED if was == PaymentState.REFUNDED else None
    reason = f"Refunded in full: {row.reference}"
    return None if payment_reverse(payment=row, reason=reason, actor=actor, at=at) else Reason.CHANGED_SINCE
