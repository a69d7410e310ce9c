"""Outbound webhooks: one task finds the endpoints with something due, a lane for each of them sends it."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_process_shutdown
from django.conf import settings

from config.kit.clock import now
from config.kit.enqueue import enqueue
from config.kit.lanes import Lanes
from config.kit.outgoing import SECONDS
from notifications.selectors.webhooks import endpoints_due
from notifications.services.deliveries import DISPATCH, delivery_send_next
from notifications.services.webhook_retention import deliveries_expire

WIDTH = 16
BATCH = 50


def drain(endpoint_id: int) -> None:
    """Send what is due at an endpoint, one after the other, until one fails: then it is left alone for a while."""
    for _ in range(BATCH):
        if lanes.stopped or not delivery_send_next(endpoint_id=endpoint_id, clock=now):
            return
    enqueue(DISPATCH)  # there may be more; whoever waits for a lane comes first


lanes = Lanes(drain, width=WIDTH)


@shared_task(name="notifications.dispatch_webhooks")
def dispatch_webhooks() -> int:
    """Start the lane of each endpoint that has something due. Waits for none of them."""
    due = endpoints_due(at=now())
    # without a worker there is no process that lives on: everything is sent here and now
    start = drain if getattr(settings, "CELERY_TASK_ALWAYS_EAGER", False) else lanes.start
    for endpoint_id in due:
        start(endpoint_id)
    return len(due)


@shared_task(name="notifications.expire_deliveries")
def expire_deliveries() -> int:
    """The retention of the delivery log, once a day."""
    return deliveries_expire(at=now())


@worker_process_shutdown.connect
def _finish(**_: Any) -> None:
    """Let requests under way come to their end: what is cut off is sent a second time."""
    lanes.stop(seconds=SECONDS)
