"""One rate budget for each connection, decided in the database under a lock: it holds for all workers together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from config.kit.locks import locked
from crm.connectors.base import Held
from crm.domain.sync.retrying import Budget
from crm.models import Connection

NO_WAIT = timedelta(0)
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How somebody asks: by which clock, how long to wait for the budget, and how waiting is done."""

    clock: Clock
    patience: timedelta = NO_WAIT
    sleep: Callable[[float], None] = time.sleep


def request_spend(*, connection_id: int, pace: Pace) -> None:
    """Take one request out of the budget; wait for it as long as `pace` allows. Raises Held, with the wait.

    Called before every request, outside of any transaction.
    """
    waited = NO_WAIT
    while wait := _take(connection_id, pace.clock()):
        if waited + wait > pace.patience:
            raise Held(wait)
        pace.sleep(wait.total_seconds())
        waited += wait


def _take(connection_id: int, at: datetime) -> timedelta:
    with transaction.atomic():
        row = locked(Connection.objects.filter(pk=connection_id)).get()
        if row.held_until is not None and row.held_until > at:
            return row.held_until - at
        bucket = Budget(row.budget_requests, row.budget_seconds, row.budget_left, row.budget_at)
        bucket, wait = bucket.take(at)
        row.budget_left, row.budget_at = bucket.left, bucket.as_of
        if not wait:
            row.asked_at = at
        row.save(update_fields=["budget_left", "budget_at", "asked_at"])
    return wait
