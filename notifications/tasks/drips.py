"""Trial mail: an adapter between Celery and the service."""

from __future__ import annotations

from celery import shared_task

from config.kit.clock import now
from notifications.services.drips import drip_run


@shared_task(name="notifications.drips_sweep")
def drips_sweep() -> int:
    """Send what is due in the course of every trial."""
    return drip_run(at=now()).sent
