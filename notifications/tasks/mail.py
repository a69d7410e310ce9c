"""Mail: one task a message, and a sweep behind it for whatever a lost task or a dead worker left."""

from __future__ import annotations

from celery import shared_task

from config.kit.clock import now
from config.kit.enqueue import enqueue
from notifications.selectors.messages import messages_due
from notifications.services.sending import message_send

SWEEP = 100


# Both limits are shorter than a claim: a worker that hangs is gone before another takes the message.
@shared_task(name="notifications.send_message", soft_time_limit=240, time_limit=300)
def send_message(pk: int) -> str:
    return message_send(pk=pk, at=now())


@shared_task(name="notifications.sweep_mail")
def sweep_mail() -> int:
    """Wake a task for each message that is due; a message that two tasks are sent for is sent by one."""
    due = messages_due(at=now(), limit=SWEEP)
    for pk in due:
        enqueue("notifications.send_message", pk)
    return len(due)
