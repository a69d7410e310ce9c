"""The event bus: one task publishes whatever is due. Beat repeats it for retries and lapsed claims."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_process_shutdown

from config.kit.clock import now
from config.kit.enqueue import enqueue
from notifications.bus_publisher import bus
from notifications.services.bus import BATCH, DISPATCH, messages_dispatch


@shared_task(name="notifications.dispatch_bus", soft_time_limit=50, time_limit=55)
def dispatch_bus() -> int:
    """Publish a batch; a full one that arrived is followed by the next. Returns how many arrived."""
    arrived, tried = messages_dispatch(clock=now)
    if tried == BATCH and arrived == BATCH:
        enqueue(DISPATCH)
    return arrived


@worker_process_shutdown.connect
def _finish(**_: Any) -> None:
    bus.close()
