"""What is done about each kind of object that an event tells of. Adding one is adding a line to `HANDLERS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from billing import gateway
from billing.domain.enums import CheckoutState
from billing.domain.stripe_events import Noun
from billing.gateway import SessionFacts
from billing.models import Checkout, MerchantProfile
from billing.services.arrivals import order_await, order_of
from billing.services.disputes import dispute_follow
from billing.services.refunds import refund_follow
from billing.services.renewing import invoice_fail, invoice_settle
from billing.services.reservations import checkout_end
from billing.services.settling import payment_settle
from billing.services.subscriptions import subscription_follow

FAILED = "checkout.session.async_payment_failed"
UNPAID_INVOICE = "invoice.payment_failed"


@dataclass(frozen=True, slots=True)
class Work:
    """One event: which object to read, and what was said of it. `told_at` is Stripe's time."""

    merchant: MerchantProfile
    type: str
    object_id: str
    told_at: datetime
    actor: str
    at: datetime


def event_handle(work: Work, noun: Noun) -> bool:
    """Do what an event asks for; False when it is about nothing of ours. Never inside a transaction."""
    return HANDLERS[noun](work)


def _session(work: Work) -> bool:
    session = gateway.session_read(work.merchant, work.object_id)
    if session.paid:
        payment_settle(
            merchant=work.merchant, session=session, paid_at=work.told_at, actor=work.actor, at=work.at
        )
        return True
    checkout = order_of(session, work.merchant)
    if checkout is None:
        return False
    if session.status == "complete":
        _unpaid(work, session, checkout)
    elif session.status == "expired":
        checkout_end(
            checkout=checkout, state=CheckoutState.EXPIRED, reason="expired", at=work.at,
            actor=work.actor,
        )  # fmt: skip
    return True


def _unpaid(work: Work, session: SessionFacts, checkout: Checkout) -> None:
    """The money is on its way by a slow method, or that method failed."""
    if work.type == FAILED and not _underway(work, session):
        checkout_end(
            checkout=checkout, state=CheckoutState.FAILED, reason="payment_failed", at=work.at,
            actor=work.actor,
        )  # fmt: skip
    else:
        order_await(checkout=checkout, session=session)


def _underway(work: Work, session: SessionFacts) -> bool:
    """Whether a later attempt is being worked on; a subscription's session does not say."""
    if not session.payment_intent:
        return False
    return gateway.intent_read(work.merchant, session.payment_intent).status in {"processing", "succeeded"}


def _invoice(work: Work) -> bool:
    merchant, invoice_id = work.merchant, work.object_id
    if work.type == UNPAID_INVOICE:
        return invoice_fail(merchant=merchant, invoice_id=invoice_id, actor=work.actor, at=work.at)
    return invoice_settle(merchant=merchant, invoice_id=invoice_id, actor=work.actor, at=work.at) is not None


def _subscription(work: Work) -> bool:
    return subscription_follow(merchant=work.merchant, stripe_id=work.object_id, actor=work.actor, at=work.at)


def _money(work: Work) -> bool:
    return refund_follow(merchant=work.merchant, reference=work.object_id, actor=work.actor, at=work.at)


def _dispute(work: Work) -> bool:
    return dispute_follow(merchant=work.merchant, dispute_id=work.object_id, actor=work.actor, at=work.at)


HANDLERS: Final[Mapping[Noun, Callable[[Work], bool]]] = {
    Noun.SESSION: _session,
    Noun.INVOICE: _invoice,
    Noun.SUBSCRIPTION: _subscription,
    Noun.MONEY: _money,
    Noun.DISPUTE: _dispute,
}
