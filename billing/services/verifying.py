"""Holding what we recorded of a license's payment against what Stripe says of it now (E31)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from billing import gateway
from billing.domain.verdicts import PaymentVerdict, Reason, Recorded, Told, judge
from billing.gateway import (
    IntentFacts,
    InvoiceFacts,
    SessionFacts,
    StripeMissing,
    StripeRefused,
    StripeUnavailable,
)
from billing.models import Payment
from billing.selectors.payments import payments_of_license
from licenses.models import License

LISTED = 50


@dataclass(frozen=True, slots=True)
class Verification:
    """Every part of the answer. `payment` is the newest of `payments`, and the one that was verified."""

    license: License
    payment: Payment | None
    payments: list[Payment]
    intent: IntentFacts | None
    invoice: InvoiceFacts | None
    verdict: PaymentVerdict
    reasons: list[Reason]
    checked_at: datetime


def payment_verify(*, license: License, at: datetime) -> Verification:  # noqa: A002 - the word of the vocabulary
    """Verify the newest payment of a license. Writes nothing; asks Stripe, so never call it in a transaction.

    Where Stripe does not answer the verdict is `unverified` and says why.
    """
    found = list(payments_of_license(license)[:LISTED])
    payment = found[0] if found else None
    if payment is None:
        verdict, reasons = judge(None, None)
        return Verification(license, None, [], None, None, verdict, reasons, at)
    intent: IntentFacts | None = None
    invoice: InvoiceFacts | None = None
    told: Told | None = None
    problem: Reason | None = None
    try:
        invoice = gateway.invoice_read(payment.merchant, payment.invoice_ref) if payment.invoice_ref else None
        intent_ref = payment.intent_ref or (invoice.payment_intent if invoice else "")
        intent = gateway.intent_read(payment.merchant, intent_ref) if intent_ref else None
        told = _told(payment, intent, invoice)
    except StripeMissing as error:
        problem = Reason("missing_at_stripe", error.detail)
    except StripeUnavailable as error:
        problem = Reason("stripe_unavailable", error.detail)
    except StripeRefused as error:
        problem = Reason("stripe_refused", error.detail)
    verdict, reasons = judge(_recorded(payment), told, problem)
    return Verification(license, payment, found, intent, invoice, verdict, reasons, at)


def _recorded(row: Payment) -> Recorded:
    return Recorded(row.state, row.currency, row.amount_minor, row.refunded_minor, row.livemode)


def _told(payment: Payment, intent: IntentFacts | None, invoice: InvoiceFacts | None) -> Told:
    """What Stripe says: by the intent that took the money, or, when nothing was due, by invoice or session."""
    if intent is not None:
        return Told(
            settled=intent.status == "succeeded",
            status=intent.status,
            currency=intent.currency,
            amount_minor=intent.received_minor,
            refunded_minor=sum(charge.refunded_minor for charge in intent.charges),
            livemode=intent.livemode,
            disputed=any(charge.disputed for charge in intent.charges),
        )
    if invoice is not None:
        paid = invoice.status == "paid"
        return _told_free(
            settled=paid, status=invoice.status, currency=invoice.currency, amount=invoice.amount_paid_minor,
            livemode=invoice.livemode,
        )  # fmt: skip
    session: SessionFacts = gateway.session_read(payment.merchant, payment.reference)
    return _told_free(
        settled=session.paid, status=session.payment_status, currency=session.currency,
        amount=session.amount_total_minor, livemode=session.livemode,
    )  # fmt: skip


def _told_free(*, settled: bool, status: str, currency: str, amount: int, livemode: bool) -> Told:
    return Told(
        settled=settled, status=status, currency=currency, amount_minor=amount, refunded_minor=0,
        livemode=livemode, disputed=False,
    )  # fmt: skip
