"""Telling Stripe what a subscription costs from its next period on, after a change of tier (C29)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from billing import gateway
from billing.domain.enums import OfferType, TierChangeState
from billing.models import Offer, Subscription, TierChange
from billing.orders import price_data
from billing.terms import quote_of
from billing.tiers import list_price
from config.kit.errors import Refusal

log = structlog.get_logger(__name__)
AGAIN: Final = timedelta(minutes=15)
BATCH: Final = 100
GIVEN_UP: Final = (TierChangeState.CANCELLED, TierChangeState.REVERTED)


def tier_changes_tell(*, at: datetime, limit: int = BATCH) -> int:
    """Tell Stripe every new price that is due; return how many. What fails is tried again later.

    No proration there: the difference was paid here. Each telling has an idempotency key of its own, and says
    the price of the change as it stands, so that it may be repeated and run beside another.
    """
    due = TierChange.objects.filter(stripe_due_at__lte=at).order_by("stripe_due_at")
    rows = due.select_related("to_offer", "subscription__merchant", "subscription__offer")
    told = 0
    for change in rows[:limit]:
        try:
            told += tier_change_tell(change=change)
        except Refusal as refusal:
            log.warning("tier_change_not_told", change=str(change.uid), code=refusal.code)
            _mark(change, at + AGAIN)
        except Exception:
            # a fault of ours about one change: it keeps no other from being told
            log.exception("tier_change_not_told", change=str(change.uid))
            _mark(change, at + AGAIN)
    return told


def tier_change_tell(*, change: TierChange) -> int:
    """Tell Stripe the new price of one change; 0 when it became another one meanwhile.

    Never inside a transaction. Raises StripeUnavailable (503), StripeRefused (409).
    """
    _tell(change)
    return _mark(change, None)


def _tell(change: TierChange) -> None:
    cycle, given_up = change.subscription, change.state in GIVEN_UP
    offer = cycle.offer if cycle and given_up else change.to_offer
    if cycle is None or offer is None or offer.type != OfferType.SUBSCRIPTION:
        return
    facts = gateway.subscription_read(cycle.merchant, cycle.stripe_id)
    if facts.status in {"canceled", "incomplete_expired"}:
        return
    key = f"signet-tier-change-{change.uid}-{change.state}"
    gateway.subscription_change(
        cycle.merchant, cycle.stripe_id, item=facts.item, price=_price(offer, cycle, key, given_up=given_up),
        metadata={"lookup_key": offer.lookup_key}, key=key,
    )  # fmt: skip


def _price(offer: Offer, cycle: Subscription, key: str, *, given_up: bool) -> str | dict[str, Any]:
    """What a whole period costs, in Stripe's words: of the synced product, else a price of its own.

    What a checkout described inline is no product that can be sold again.
    """
    amount = list_price(cycle)
    if not given_up:
        amount = quote_of(offer, managed_products=cycle.managed_products).total_minor
    recurring = {"interval": offer.interval, "interval_count": offer.interval_count}
    priced = price_data(offer, merchant=cycle.merchant, currency=offer.currency, unit_minor=amount)
    data = {**priced, "recurring": recurring}
    if "product" in data:
        return data
    return gateway.price_create(cycle.merchant, data, key=f"{key}-price").id


def _mark(change: TierChange, until: datetime | None) -> int:
    """Only when nothing came in between: a change that was given up meanwhile is told anew."""
    rows = TierChange.objects.filter(pk=change.pk, state=change.state, stripe_due_at=change.stripe_due_at)
    return rows.update(stripe_due_at=until)
