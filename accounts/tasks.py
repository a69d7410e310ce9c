"""Adapters between Celery and the services."""

from __future__ import annotations

from celery import shared_task

from accounts.services.idempotency import BATCH, answers_forget
from accounts.services.merging import strays_move
from config.kit import actors
from config.kit.clock import now
from config.kit.enqueue import enqueue


@shared_task(name="accounts.forget_idempotency")
def forget_idempotency() -> int:
    """Forget one batch, and go on in another task while there is more."""
    forgotten = answers_forget(at=now())
    if forgotten == BATCH:
        enqueue("accounts.forget_idempotency")
    return forgotten


@shared_task(name="accounts.move_strays")
def move_strays() -> int:
    """Move what was given to an account while it closed."""
    return strays_move(actor=actors.system("merging"), at=now())
