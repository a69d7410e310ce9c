"""Deliveries that arrived are kept for a while only; what is dead stays until somebody has seen to it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from config.kit.errors import FieldError, Invalid
from notifications.models import Delivery

BATCH = 500
State = Delivery.State


def deliveries_expire(*, at: datetime, limit: int = 100_000) -> int:
    """Remove delivered and cancelled deliveries that are older than SIGNET_WEBHOOK_KEEP_DAYS, with their attempts.

    In batches of one transaction each; safe to run twice and in parallel. Returns how many.
    """
    rows = Delivery.objects.filter(
        state__in=(State.DELIVERED, State.CANCELLED), created_at__lt=kept_since(at)
    ).order_by("pk")
    removed = 0
    while removed < limit and (ids := list(rows.values_list("pk", flat=True)[:BATCH])):
        with transaction.atomic():
            Delivery.objects.filter(pk__in=ids).delete()
        removed += len(ids)
    return removed


def kept_since(at: datetime) -> datetime:
    """Every event since then has its deliveries."""
    return at - timedelta(days=settings.WEBHOOK_KEEP_DAYS)


def demand_kept(since: datetime, at: datetime) -> None:
    """Raises Invalid for an instant before which nobody knows any more what arrived."""
    if since < kept_since(at):
        days = settings.WEBHOOK_KEEP_DAYS
        raise Invalid(
            [FieldError("since", "too_old", f"What arrived is known for the last {days} days only.")]
        )
