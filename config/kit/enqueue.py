"""Hands work to Celery by task name, after the commit of the change that caused it.

The broker only wakes a worker up. What is to be done stands in a row, and a beat sweep finds rows whose
message was lost, so a broker that is down costs delay, never work: it is logged and the request goes on.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Any

import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction

log = structlog.get_logger(__name__)
_lock = threading.Lock()
_last_sent: dict[str, float] = {}


def enqueue(task_name: str, *args: Any) -> None:
    """Send the task after commit; at once when no transaction is open. `args` are ids, never objects."""
    transaction.on_commit(partial(_send, task_name, args))


def debounce(task_name: str, *, seconds: float = 0.5) -> None:
    """As `enqueue`, but at most one message of this process in `seconds`.

    For sweeps that handle everything that is due: a change that finds the last message too fresh sends one for
    the end of that time, and the changes until then send none.
    """
    transaction.on_commit(partial(_send_rarely, task_name, seconds))


def wake(task_name: str, *, seconds: float = 0.5) -> None:
    """As `debounce`, for a thread that changed nothing in the database and should not need it."""
    _send_rarely(task_name, seconds)


def _send_rarely(task_name: str, seconds: float) -> None:
    now = time.monotonic()
    with _lock:
        due = max(now, _last_sent.get(task_name, float("-inf")) + seconds)
        if due - now > seconds or (due > now and _eager()):
            return  # the one that waits runs after this change; in eager mode nothing waits
        _last_sent[task_name] = due
    _send(task_name, (), countdown=due - now)


def _send(task_name: str, args: tuple[Any, ...], *, countdown: float = 0.0) -> None:
    if _eager():
        # send_task knows nothing of eager mode: it would try the broker
        if task_name not in current_app.tasks:
            current_app.loader.import_default_modules()  # what a worker does when it starts
        current_app.tasks[task_name].apply(args=args, throw=True)
        return
    try:
        current_app.send_task(task_name, args=args, countdown=countdown or None, ignore_result=True)
    except Exception as error:  # noqa: BLE001 - every transport has its own exceptions; the sweep does the work
        log.warning("enqueue_failed", task=task_name, error=repr(error))


def _eager() -> bool:
    return bool(getattr(settings, "CELERY_TASK_ALWAYS_EAGER", False))
