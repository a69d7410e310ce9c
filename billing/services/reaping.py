"""Orders that nobody paid: Stripe ends the session first, and only then is free what was held (C26, C27)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import transaction

from billing import gateway
from billing.domain.enums import CheckoutState
from billing.gateway import SessionFacts, StripeMissing, StripeRefused, StripeUnavailable
from billing.models import Checkout
from billing.services.checkouts import OPEN_QUESTIONS, session_ask
from billing.services.reservations import ENDABLE, REAPER, checkout_end, checkout_lock, refuse_ended
from billing.services.settling import payment_settle
from config.kit.errors import Refusal

log = structlog.get_logger(__name__)
AGAIN: Final = timedelta(minutes=5)
"""When an order is looked at again that could not be ended."""
PROCESSING_AGAIN: Final = timedelta(hours=6)
FAILED_INTENTS: Final = frozenset({"requires_payment_method", "canceled"})
BATCH: Final = 200


def checkouts_reap(*, at: datetime, limit: int = BATCH) -> int:
    """End every reservation whose time has come, the oldest first; return how many are settled or over.

    Each is decided by itself: one that Stripe, or settling, does not let end is looked at again later.
    """
    due = Checkout.objects.filter(state__in=ENDABLE, expires_at__lte=at).order_by("expires_at")
    over = 0
    for checkout in due.select_related("merchant", "offer", "coupon", "account", "license")[:limit]:
        try:
            row = checkout_expire(checkout=checkout, actor=REAPER, at=at)
        except Refusal as refusal:
            log.warning("checkout_not_ended", checkout=str(checkout.uid), code=refusal.code)
            _later(checkout, at + AGAIN)
        except Exception:
            # a fault of ours about one order: it keeps no other from ending
            log.exception("checkout_not_ended", checkout=str(checkout.uid))
            _later(checkout, at + AGAIN)
        else:
            over += row.state not in ENDABLE
    return over


def checkout_expire(*, checkout: Checkout, actor: str, at: datetime) -> Checkout:
    """Take an order back: end its session at Stripe, then release it; one found paid is settled instead.

    Never inside a transaction. Raises CheckoutEnded, StripeUnavailable, and what settling raises; the order is
    then as before.
    """
    checkout = Checkout.objects.select_related("merchant").get(pk=checkout.pk)
    refuse_ended(checkout)
    facts = _ended_session(checkout)
    if facts is None or facts.status == "expired":
        reason = "expired" if facts else "no_session"
        checkout_end(checkout=checkout, state=CheckoutState.EXPIRED, reason=reason, actor=actor, at=at)
    elif facts.paid:
        payment_settle(merchant=checkout.merchant, session=facts, actor=actor, at=at)
    elif _money_failed(checkout, facts):
        checkout_end(
            checkout=checkout, state=CheckoutState.FAILED, reason="payment_failed", actor=actor, at=at
        )
    else:
        _processing(checkout, facts, at)
    return Checkout.objects.get(pk=checkout.pk)


def _ended_session(checkout: Checkout) -> SessionFacts | None:
    """The session as Stripe has it, no longer open; None when there is none and there will be none."""
    try:
        facts = (
            gateway.session_read(checkout.merchant, checkout.session_id)
            if checkout.session_id
            else session_ask(checkout)
        )
    except StripeRefused as refused:
        if refused.stripe_code in OPEN_QUESTIONS:
            raise
        return None
    if facts.status != "open":
        return facts
    try:
        facts = gateway.session_expire(checkout.merchant, facts.id)
    except StripeMissing:
        return None
    except StripeRefused:  # paid or expired a moment ago
        facts = gateway.session_read(checkout.merchant, facts.id)
    if facts.status == "open":
        raise StripeUnavailable
    return facts


def _money_failed(checkout: Checkout, facts: SessionFacts) -> bool:
    """Whether a payment that takes days has come to nothing."""
    if checkout.state != CheckoutState.PROCESSING or not facts.payment_intent:
        return False
    return gateway.intent_read(checkout.merchant, facts.payment_intent).status in FAILED_INTENTS


def _processing(checkout: Checkout, facts: SessionFacts, at: datetime) -> None:
    """Completed, the money on its way: it keeps what it holds."""
    with transaction.atomic():
        row = checkout_lock(checkout)
        if row.state not in ENDABLE:
            return
        row.state, row.session_id = CheckoutState.PROCESSING, row.session_id or facts.id
        row.expires_at = at + PROCESSING_AGAIN
        row.save(update_fields=["state", "session_id", "expires_at"])


def _later(checkout: Checkout, until: datetime) -> None:
    Checkout.objects.filter(pk=checkout.pk, state__in=ENDABLE).update(expires_at=until)
