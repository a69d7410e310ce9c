"""Ending a cycle of payments at Stripe, when nothing is left that it could renew (C28)."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from billing import gateway
from billing.domain.enums import SubscriptionState
from billing.models import Fulfilment, Subscription
from billing.services.subscriptions import subscription_sync
from licenses.domain.enums import LicenseStatus


def charging_for_nothing() -> QuerySet[Subscription]:
    """Cycles that Stripe goes on charging for, although every license that they renew is revoked."""
    delivered = Fulfilment.objects.filter(payment__subscription=OuterRef("pk"))
    alive = delivered.exclude(license__status=LicenseStatus.REVOKED)
    rows = Subscription.objects.filter(license__status=LicenseStatus.REVOKED)
    running = rows.exclude(state=SubscriptionState.CANCELLED).exclude(Exists(alive))
    return running.select_related("license", "account", "offer", "merchant").order_by(
        "-license__status_at", "-pk"
    )


def subscription_end(*, subscription: Subscription, actor: str, at: datetime) -> Subscription:
    """Have a cycle end with the period that is paid; nothing is charged any more. Never inside a transaction.

    Raises StripeUnavailable (503), StripeRefused (409). Ended twice it changes nothing.
    """
    row = Subscription.objects.select_related("merchant").get(pk=subscription.pk)
    key = f"signet-end-{row.stripe_id}-{row.revision}"
    gateway.subscription_end(row.merchant, row.stripe_id, key=key)
    subscription_sync(merchant=row.merchant, stripe_id=row.stripe_id, actor=actor, at=at)
    return Subscription.objects.get(pk=row.pk)
