"""The sync's tasks: one finds the connections with something due, a lane for each of them does it."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

from celery import shared_task
from celery.signals import worker_process_shutdown
from django.conf import settings

from config.kit.clock import now
from config.kit.enqueue import enqueue
from config.kit.lanes import Lanes
from crm.connectors.base import SECONDS
from crm.gate import is_shown
from crm.services.forgetting import links_expire
from crm.services.sync_budget import NO_WAIT, Pace
from crm.services.sync_inbound import inbound_expire
from crm.services.sync_queueing import TASK
from crm.services.sync_running import connection_sync, connections_due

WIDTH = 4
PATIENCE = timedelta(seconds=30)
"""How long a lane waits for the budget before it leaves the rest to the next beat."""
_ending = threading.Event()


def work(connection_id: int) -> None:
    """Do what is due at a connection. What waits for the budget waits here, in nobody's way."""
    eager = _is_eager()
    pace = Pace(clock=now, patience=NO_WAIT if eager else PATIENCE, sleep=_wait)
    if connection_sync(connection_id=connection_id, pace=pace, stopped=_ending.is_set) and not eager:
        enqueue(TASK)


def _wait(seconds: float) -> None:
    _ending.wait(seconds)


def _is_eager() -> bool:
    return bool(getattr(settings, "CELERY_TASK_ALWAYS_EAGER", False))


lanes = Lanes(work, width=WIDTH)


@shared_task(name="crm.sync")
def sync() -> int:
    """D18: start the lane of each connection that is on; nothing while the section is off. Waits for none."""
    if not is_shown():
        return 0
    due = list(connections_due())
    start = (
        work if _is_eager() else lanes.start
    )  # without a worker no process lives on: it is done here and now
    for connection_id in due:
        start(connection_id)
    return len(due)


@shared_task(name="crm.expire_inbound")
def expire_inbound() -> int:
    """The retention of what outside CRMs told, once a day."""
    return inbound_expire(at=now()) + links_expire()


@worker_process_shutdown.connect
def _finish(**_: Any) -> None:
    """Let requests under way come to their end: what is cut off is looked up again."""
    _ending.set()
    lanes.stop(seconds=SECONDS)
