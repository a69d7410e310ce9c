"""A paid invoice of a cycle renews the licenses that the cycle is for: the same rows, a later end (C28, E19)."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from django.db import IntegrityError, transaction

from billing import gateway
from billing.domain.enums import PaymentSource, Purpose
from billing.domain.parking import Reason
from billing.gateway import InvoiceFacts
from billing.models import Fulfilment, MerchantProfile, Payment, Subscription
from billing.parked import Early, Parked
from billing.services.recording import payment_record
from billing.services.settling import TRIES, payment_of, payment_settle, period_line
from billing.services.subscriptions import subscription_sync
from billing.services.tier_changes import scheduled_apply
from config.kit.errors import Refusal
from config.kit.locks import locked
from history.domain.kinds import Kind
from history.services import record
from licenses.errors import (
    LegacyLicense,
    LicenseExpired,
    LicensePerpetual,
    LicenseRevoked,
    LicenseSuspended,
    RenewalNotLater,
)
from licenses.models import Channel, Issuance, License
from licenses.services.renewing import license_renew
from licenses.services.signing import license_lock

FIRST = "subscription_create"
ENDED = (LicenseRevoked, LicenseSuspended, LicensePerpetual, LegacyLicense, LicenseExpired)


def invoice_settle(*, merchant: MerchantProfile, invoice_id: str, actor: str, at: datetime) -> Payment | None:
    """Deliver what a paid invoice pays; None when it is not paid, or none of ours.

    The first invoice of a cycle is the payment of its session, which is settled first when it has not come
    yet. Raises Parked, Early, StripeUnavailable and what renewing raises. Never inside a transaction.
    """
    invoice = gateway.invoice_read(merchant, invoice_id)
    if invoice.status != "paid" or not invoice.subscription:
        return None
    row = _subscription(merchant, invoice) or _begun(merchant, invoice, actor, at)
    if row is None:
        return None
    first = _first_payment(row, invoice)
    if first is not None:
        return first
    payment, refused = _renewed(row, invoice, actor, at)
    subscription_sync(merchant=merchant, stripe_id=invoice.subscription, actor=actor, at=at)
    if refused is not None:
        raise Parked(Reason.LICENSE_ENDED, f"{refused.detail} Payment {payment.reference}.")
    return payment


def invoice_fail(*, merchant: MerchantProfile, invoice_id: str, actor: str, at: datetime) -> bool:
    """An invoice could not be paid: the cycle is past due when Stripe says so. False when it is none of ours."""
    invoice = gateway.invoice_read(merchant, invoice_id)
    row = _subscription(merchant, invoice)
    if row is None:
        return False
    if invoice.status != "paid":
        data = {"invoice": invoice.id, "currency": invoice.currency, "amount_minor": invoice.amount_due_minor}
        with transaction.atomic():
            record(
                kind=Kind.PAYMENT_FAILED, subject=f"subscription:{row.stripe_id}",
                account=row.account.customer_id, actor=actor, data=data, at=at,
            )  # fmt: skip
    subscription_sync(merchant=merchant, stripe_id=row.stripe_id, actor=actor, at=at)
    return True


def _subscription(merchant: MerchantProfile, invoice: InvoiceFacts) -> Subscription | None:
    rows = Subscription.objects.select_related("account", "offer", "checkout")
    return rows.filter(merchant=merchant, stripe_id=invoice.subscription).first()


def _begun(merchant: MerchantProfile, invoice: InvoiceFacts, actor: str, at: datetime) -> Subscription | None:
    """Settle the session that began the cycle: its own event comes later, or never came."""
    sessions = gateway.sessions_of_subscription(merchant, invoice.subscription)
    paid = next((session for session in sessions if session.paid), None)
    if paid is not None:
        payment_settle(merchant=merchant, session=paid, actor=actor, at=at)
        return _subscription(merchant, invoice)
    if sessions:
        raise Early("The checkout session of this subscription is not complete yet.")
    if invoice.metadata.get("checkout") or invoice.metadata.get("group_name"):
        raise Parked(Reason.SUBSCRIPTION_UNKNOWN)
    return None


def _first_payment(row: Subscription, invoice: InvoiceFacts) -> Payment | None:
    """The payment of the session that began the cycle, if this is its invoice."""
    payments = Payment.objects.filter(subscription=row, source=PaymentSource.CHECKOUT)
    found = payments.filter(invoice_ref__in=("", invoice.id)).first()
    if found is None or (found.invoice_ref != invoice.id and invoice.billing_reason != FIRST):
        return None
    if not found.intent_ref or not found.invoice_ref:
        # what paid it is told by the invoice alone; refunds find the payment by it
        intent = found.intent_ref or invoice.payment_intent
        payments.filter(pk=found.pk).update(invoice_ref=invoice.id, intent_ref=intent)
    return found


def _renewed(
    row: Subscription, invoice: InvoiceFacts, actor: str, at: datetime
) -> tuple[Payment, Refusal | None]:
    """The payment with what it delivered, and why a license could not be renewed, if one could not."""
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                licenses = licenses_of(row)
                for license_ in licenses:  # before the cycle's row, as a change of tier takes them
                    license_lock(license_)
                if payment_of(invoice.id) is None:
                    # first: the invoice was drawn at the price of a change that waited for it
                    _change_tiers(licenses, invoice, actor, at)
                held = locked(Subscription.objects.select_related("account", "offer").filter(pk=row.pk)).get()
                return _renew(held, invoice, actor, at)
        except IntegrityError:
            if not left:
                raise
    raise Early


def _renew(
    row: Subscription, invoice: InvoiceFacts, actor: str, at: datetime
) -> tuple[Payment, Refusal | None]:
    known = payment_of(invoice.id)
    payment = known or _payment(row, invoice, at)
    end = payment.period_end
    licenses = licenses_of(row)
    refused = None
    for position, license_ in enumerate(licenses):
        done = Fulfilment.objects.filter(payment=payment, position=position).exists()
        if end is None or done:
            continue
        try:
            issuance = _prolong(license_, end, actor, at)
        except ENDED as error:
            refused = error
            continue
        Fulfilment.objects.create(
            payment=payment, position=position, license=license_, issuance=issuance, created_at=at
        )
    if known is None:
        payment_record(payment, licenses, actor=actor, at=at)
    row.period_start = payment.period_start or row.period_start
    row.period_end = max(filter(None, (row.period_end, end)), default=None)
    row.revision += 1
    row.save(update_fields=["period_start", "period_end", "revision"])
    return payment, refused


def _change_tiers(licenses: Iterable[License], invoice: InvoiceFacts, actor: str, at: datetime) -> None:
    """Apply what waits for this renewal; a license that has ended says so when it is renewed.

    An invoice without a period, as one that only evens something out, renews nothing.
    """
    line = period_line(invoice)
    if line is None or line.period_start is None:
        return
    for license_ in licenses:
        with suppress(*ENDED):
            scheduled_apply(license=license_, period_start=line.period_start, actor=actor, at=at)


def licenses_of(row: Subscription) -> list[License]:
    """The licenses that a cycle is for, in the order of its first payment; of a bundle there are several."""
    found = Fulfilment.objects.filter(payment__subscription=row, payment__source=PaymentSource.CHECKOUT)
    rows = [each.license for each in found.select_related("license").order_by("position")]
    return rows or [each for each in (row.license,) if each is not None]


def _prolong(license: License, end: datetime, actor: str, at: datetime) -> Issuance | None:  # noqa: A002 - the word of the vocabulary
    """Renew to the end of the paid period; None when the license lasts that long already."""
    try:
        renewed = license_renew(
            license=license, until=end, reason="Paid by invoice.", channel=Channel.WEBHOOK, actor=actor, at=at
        )
    except RenewalNotLater:
        return None
    return renewed.issued.issuance


def _payment(row: Subscription, invoice: InvoiceFacts, at: datetime) -> Payment:
    line = period_line(invoice)
    return Payment.objects.create(
        merchant=row.merchant,
        source=PaymentSource.INVOICE,
        reference=invoice.id,
        purpose=Purpose.PURCHASE,
        subscription=row,
        account=row.account,
        offer=row.offer,
        customer_ref=invoice.customer,
        customer_name=invoice.customer_name[:200],
        customer_email=invoice.customer_email[:254],
        invoice_ref=invoice.id,
        intent_ref=invoice.payment_intent,
        currency=invoice.currency,
        amount_minor=invoice.amount_paid_minor,
        expected_minor=_expected(row, invoice),
        tax_minor=invoice.tax_minor,
        livemode=invoice.livemode,
        counted=Payment.objects.filter(subscription=row, counted=True).exists(),
        period_start=line.period_start if line else None,
        period_end=line.period_end if line else None,
        paid_at=min(invoice.paid_at or at, at),
        recorded_at=at,
    )


def _expected(row: Subscription, invoice: InvoiceFacts) -> int:
    """The frozen price; or the price of the first period where its coupon still counts."""
    first = row.checkout.amount_minor if row.checkout else row.amount_minor
    paid = {invoice.amount_paid_minor, invoice.amount_paid_minor - invoice.tax_minor}
    return first if first in paid else row.amount_minor
