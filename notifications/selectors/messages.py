"""Reads of the send log."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from notifications.models import Message, Stream
from notifications.unsubscribing import unsubscribe_read

FAILED = (Message.State.FAILED, Message.State.BOUNCED)
ATTENTION = timedelta(days=30)
"""So long somebody is asked to look at a mail that did not arrive; afterwards it is history."""


def messages_due(*, at: datetime, limit: int) -> list[int]:
    """Keys of messages to try now, the longest waiting first: new ones, retries, and claims that lapsed."""
    due = Message.objects.filter(due_at__lte=at).order_by("due_at", "pk")
    return list(due.values_list("pk", flat=True)[:limit])


def messages_failed(*, at: datetime) -> QuerySet[Message]:
    """Mail that did not arrive and was not sent again: it waits for a person. Newest first.

    Mail that was held back counts when it is owed whatever the recipient wishes, or was sent again by hand.
    """
    held_back = Q(state=Message.State.SUPPRESSED) & (
        Q(stream=Stream.TRANSACTIONAL) | Q(resent_from__isnull=False)
    )
    rows = Message.objects.filter(Q(state__in=FAILED) | held_back)
    rows = rows.filter(created_at__gte=at - ATTENTION, resendings__isnull=True)
    return rows.select_related("account", "license").order_by("-pk")


def message_of_token(token: str) -> Message | None:
    """The message whose "unsubscribe" was clicked; None when the token is not ours or the mail is transactional."""
    found = unsubscribe_read(token)
    if found is None:
        return None
    uid, stream = found
    rows = Message.objects.select_related("account").exclude(stream=Stream.TRANSACTIONAL)
    return rows.filter(uid=uid, stream=stream).first()
