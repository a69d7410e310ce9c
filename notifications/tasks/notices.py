"""Notices to customers: an adapter between Celery and the service."""

from __future__ import annotations

from celery import shared_task

from config.kit import actors
from config.kit.clock import now
from notifications.services import notices


@shared_task(name="notifications.notices_sweep")
def notices_sweep() -> int:
    """Tell who is to be told now."""
    return notices.notices_sweep(actor=actors.system("notices"), at=now()).sent
