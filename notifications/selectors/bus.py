"""Messages for the event bus: what is due, what waits, what was given up."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from config.kit.errors import NotFound
from notifications.models import BusMessage

OPEN = (BusMessage.State.QUEUED, BusMessage.State.CLAIMED)


def messages() -> QuerySet[BusMessage]:
    """Every message with its issuance and license, the newest first."""
    return BusMessage.objects.select_related("issuance__license__account", "issuance__license").order_by(
        "-id"
    )


def messages_due(*, at: datetime) -> QuerySet[BusMessage]:
    """Messages to publish: for the first time, again, or left behind by a dead worker; the oldest first."""
    return BusMessage.objects.filter(due_at__lte=at, state__in=OPEN).order_by("due_at", "id")


def messages_waiting() -> QuerySet[BusMessage]:
    """Messages that the bus does not have yet and that are not given up."""
    return BusMessage.objects.filter(due_at__isnull=False, state__in=OPEN).order_by("id")


def messages_dead() -> QuerySet[BusMessage]:
    return BusMessage.objects.filter(state=BusMessage.State.DEAD).order_by("-id")


def message_get(message_id: str) -> BusMessage:
    """By the id under which the bus knows it, a `jti`. Raises NotFound."""
    found = messages().filter(message_id=message_id).first()
    if found is None:
        raise NotFound("There is no such message for the event bus.")
    return found
