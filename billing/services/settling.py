"""Money that arrived becomes licenses: one payment, one set of licenses, in one transaction (E19, C27).

What Stripe says is read before, outside of any transaction; the unique reference of a payment and the lock
of its order decide between two that settle the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from accounts.errors import AccountMerged, SlugTaken
from accounts.models import Account
from billing import gateway
from billing.domain.enums import CheckoutState, Duration, Interval, PaymentSource, Purpose
from billing.domain.subscriptions import state_of
from billing.gateway import InvoiceFacts, LineFacts, SessionFacts, SubscriptionFacts
from billing.models import Checkout, Fulfilment, MerchantProfile, Payment, Subscription
from billing.parked import Unpaid
from billing.services.arrivals import order_hold
from billing.services.buyers import Buyer, buyer_account
from billing.services.coupons import redemption_redeem
from billing.services.delivering import purchase_deliver
from billing.services.maintenance import maintenance_extend
from billing.services.recording import payment_record
from billing.services.tier_changes import tier_change_apply
from history.domain.kinds import Kind
from history.services import record
from licenses.domain import enums
from licenses.models import License

TRIES = 2


@dataclass(frozen=True, slots=True)
class Order:
    """Everything that Stripe says of a paid session, read before the transaction."""

    session: SessionFacts
    subscription: SubscriptionFacts | None = None
    invoice: InvoiceFacts | None = None

    @property
    def line(self) -> LineFacts | None:
        """The line of the invoice that pays a period."""
        return period_line(self.invoice) if self.invoice else None


def payment_settle(
    *,
    merchant: MerchantProfile,
    session: SessionFacts,
    paid_at: datetime | None = None,
    actor: str,
    at: datetime,
) -> Payment:
    """Deliver what a paid checkout session ordered; the payment of before when that was done already.

    `session` is as read from Stripe a moment ago. Reads its subscription and first invoice: never call it
    inside a transaction. Raises Unpaid, Parked, StripeUnavailable, StripeMissing, and what making and signing
    a license raises; then nothing is written.
    """
    if not session.paid:
        raise Unpaid
    known = payment_of(session.id)
    if known is not None:
        return known
    order = Order(
        session,
        gateway.subscription_read(merchant, session.subscription) if session.subscription else None,
        gateway.invoice_read(merchant, session.invoice) if session.invoice else None,
    )
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                return _settle(order, merchant=merchant, paid_at=paid_at or at, actor=actor, at=at)
        except (IntegrityError, SlugTaken, AccountMerged):
            if not left:  # whoever was first is committed now: the second round finds what was done
                raise
    raise Unpaid


def payment_of(reference: str) -> Payment | None:
    """The payment of a session or invoice."""
    return Payment.objects.filter(reference=reference).first()


def period_line(invoice: InvoiceFacts) -> LineFacts | None:
    """The line that pays a period, not one that evens out a change; the latest when there are several."""
    lines = [line for line in invoice.lines if not line.proration and line.period_end is not None]
    return max(lines, key=lambda line: line.period_end or invoice.created, default=None)


def _settle(
    order: Order, *, merchant: MerchantProfile, paid_at: datetime, actor: str, at: datetime
) -> Payment:
    session = order.session
    checkout = order_hold(session=session, merchant=merchant, actor=actor)
    known = payment_of(session.id)
    if known is not None:
        return known
    buyer = Buyer.of(session, checkout)
    account = buyer_account(account=checkout.account, buyer=buyer, merchant=merchant, actor=actor, at=at)
    subscription = _subscription(order, checkout, account, merchant)
    payment = _payment(order, checkout, account, subscription, paid_at=min(paid_at, at), at=at)
    licenses = _deliver(order, payment, checkout, account, actor=actor, at=at)
    if subscription is not None and licenses:
        subscription.license = licenses[0]
        subscription.save(update_fields=["license"])
    _close(checkout, account, order, at)
    payment_record(payment, licenses, actor=actor, at=at)
    if subscription is not None:
        _record_start(subscription, account, actor, at)
    return payment


def _deliver(
    order: Order, payment: Payment, checkout: Checkout, account: Account, *, actor: str, at: datetime
) -> list[License]:
    """What the order was for (E19, E32, C29)."""
    if checkout.purpose == Purpose.PURCHASE:
        return purchase_deliver(
            payment=payment, checkout=checkout, account=account, period_end=_first_end(order, at), actor=actor,
            at=at,
        )  # fmt: skip
    if checkout.license is None:
        return []
    given = Fulfilment(payment=payment, position=0, license=checkout.license, created_at=at)
    if checkout.purpose == Purpose.MAINTENANCE:
        extension = maintenance_extend(license=checkout.license, at=at, actor=actor)
        given.maintenance_before, given.maintenance_days = extension.before, extension.days
    else:
        tier_change_apply(change=checkout.tier_change, at=at, actor=actor)
    given.save(force_insert=True)
    return [checkout.license]


def _first_end(order: Order, at: datetime) -> datetime | None:
    """The end of the period that was paid; of the present one when the news is that late."""
    if order.subscription is None:
        return None
    paid = order.line.period_end if order.line else None
    return paid if paid is not None and paid > at else order.subscription.period_end


def _close(checkout: Checkout, account: Account, order: Order, at: datetime) -> None:
    checkout.account = checkout.account or account
    checkout.state, checkout.state_reason, checkout.ended_at = CheckoutState.PAID, "", at
    checkout.session_id = order.session.id
    checkout.subscription_ref = order.session.subscription or checkout.subscription_ref
    checkout.save(
        update_fields=["account", "state", "state_reason", "ended_at", "session_id", "subscription_ref"]
    )
    redemption_redeem(checkout=checkout, at=at)


def _payment(
    order: Order,
    checkout: Checkout,
    account: Account,
    subscription: Subscription | None,
    *,
    paid_at: datetime,
    at: datetime,
) -> Payment:
    session, invoice, line = order.session, order.invoice, order.line
    return Payment.objects.create(
        merchant=checkout.merchant,
        source=PaymentSource.CHECKOUT,
        reference=session.id,
        purpose=checkout.purpose,
        checkout=checkout,
        subscription=subscription,
        account=account,
        offer=checkout.offer,
        customer_ref=session.customer,
        customer_name=session.customer_name[:200],
        customer_email=session.customer_email[:254],
        invoice_ref=session.invoice,
        intent_ref=session.payment_intent or (invoice.payment_intent if invoice else ""),
        currency=session.currency,
        amount_minor=session.amount_total_minor,
        expected_minor=checkout.amount_minor,
        tax_minor=session.amount_tax_minor,
        livemode=session.livemode,
        counted=is_counted(session, account, checkout),
        period_start=line.period_start if line else None,
        period_end=line.period_end if line else None,
        paid_at=paid_at,
        recorded_at=at,
    )


def is_counted(session: SessionFacts, account: Account, checkout: Checkout) -> bool:
    """Whether money stands in revenue figures: no test mode, nothing internal, no test license (D4)."""
    plan, license_ = checkout.offer.plan, checkout.license
    is_test = enums.Kind.TEST in {plan and plan.kind, license_ and license_.kind}
    is_internal = account.kind == Account.Kind.INTERNAL or (license_ is not None and license_.internal)
    return session.livemode and not is_internal and not is_test


def _subscription(
    order: Order, checkout: Checkout, account: Account, merchant: MerchantProfile
) -> Subscription | None:
    """Price and period are frozen here (C28); the profile is the one it started with (C32)."""
    facts = order.subscription
    if facts is None:
        return None
    offer, coupon = checkout.offer, checkout.coupon
    amount = facts.unit_amount_minor * max(facts.quantity, 1)
    if coupon is not None and coupon.duration == Duration.FOREVER:
        amount = checkout.amount_minor  # Stripe's price is the one before the discount
    return Subscription.objects.create(
        merchant=merchant,
        stripe_id=facts.id,
        customer_ref=facts.customer,
        account=account,
        offer=offer,
        checkout=checkout,
        state=state_of(facts.status, cancelling=facts.cancel_at_period_end),
        stripe_status=facts.status,
        currency=facts.currency,
        amount_minor=amount or checkout.amount_minor,
        interval=facts.interval if facts.interval in set(Interval) else offer.interval,
        interval_count=facts.interval_count,
        managed_products=checkout.managed_products,
        period_start=facts.period_start,
        period_end=facts.period_end,
        cancel_at_period_end=facts.cancel_at_period_end,
        ended_at=facts.ended_at,
        started_at=facts.created,
    )


def _record_start(row: Subscription, account: Account, actor: str, at: datetime) -> None:
    data: dict[str, Any] = {
        "offer": row.offer.slug,
        "license": row.license.public_id if row.license else "",
        "currency": row.currency,
        "amount_minor": row.amount_minor,
        "interval": row.interval,
        "period_end": row.period_end.isoformat() if row.period_end else None,
    }
    record(
        kind=Kind.SUBSCRIPTION_STARTED,
        subject=f"subscription:{row.stripe_id}",
        account=account.customer_id,
        actor=actor,
        data=data,
        at=at,
    )
