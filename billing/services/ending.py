"""Ending a cycle of payments at Stripe, when nothing is left that it could renew (C28)."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from billing import gateway
from billing.models import Subscription
from billing.services.subscriptions import subscription_sync


def subscription_end(*, subscription: Subscription, actor: str, at: datetime) -> Subscription:
    """Have a cycle end at once; nothing is charged any more, not even what it owes. Never inside a transaction.

    Raises StripeUnavailable (503), StripeRefused (409). One that Stripe has ended before is only read.
    """
    row = Subscription.objects.select_related("merchant").get(pk=subscription.pk)
    key = f"signet-end-{row.stripe_id}-{row.revision}"
    with suppress(gateway.StripeMissing):
        gateway.subscription_end(row.merchant, row.stripe_id, key=key)
    subscription_sync(merchant=row.merchant, stripe_id=row.stripe_id, actor=actor, at=at)
    return Subscription.objects.get(pk=row.pk)
