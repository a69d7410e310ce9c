"""What of the event bus waits for a person: sources of "Needs attention"."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse

from config.kit.attention import Problem, Source, source_register
from config.kit.display import page_of
from config.kit.errors import NotFound
from notifications.models import BusMessage
from notifications.selectors.bus import messages_dead, messages_waiting
from notifications.services.bus import message_resend

VIEW, RESEND = "notifications.view_busmessage", "billing.refund_payment"
LATE = timedelta(minutes=15)
"""So long a purchase may wait for the bus before somebody is told."""
LONGEST_KEY = 19


def register() -> None:
    """Called once, when the app starts."""
    for source in (DEAD, WAITING):
        source_register(source)


def _list(state: str) -> str:
    return reverse("admin:notifications_busmessage_changelist") + f"?state__exact={state}"


def _dead(_at: datetime) -> Iterator[Problem]:
    rows = messages_dead().select_related("issuance__license")
    for row in rows.iterator(chunk_size=100):
        yield Problem(
            key=f"{row.pk}-{int(row.settled_at.timestamp()) if row.settled_at else 0}",
            title=f"The purchase of {row.issuance.license.public_id} is not on the event bus",
            cause=f"The bus refused it {row.refusals} times. The last: {row.last_error or 'no reason given'}",
            since=row.settled_at,
            url=page_of(row),
        )


def _resend(key: str, *, actor: str, at: datetime) -> str:
    number = key.partition("-")[0]
    if not (number.isascii() and number.isdecimal() and len(number) < LONGEST_KEY):
        raise NotFound
    row = BusMessage.objects.filter(pk=number).first()
    if row is None:
        raise NotFound
    message_resend(message=row, actor=actor, at=at)
    return "It is published again."


DEAD = Source(
    name="bus",
    title="Purchases that the event bus refused",
    find=_dead,
    permissions=(VIEW, RESEND),
    manage=RESEND,
    retry=_resend,
    retry_label="Publish again",
    url=lambda: _list(BusMessage.State.DEAD),
)


def _waiting(at: datetime) -> Iterator[Problem]:
    """One for all of them: they wait for the same thing."""
    oldest = messages_waiting().first()
    if oldest is None or (settings.NATS_URL and oldest.created_at > at - LATE):
        return
    count = messages_waiting().count()
    why = "The bus does not take them. " + oldest.last_error
    if not settings.NATS_URL:
        why = "SIGNET_NATS_URL is not set. Set it, or list bus in SIGNET_WITHOUT."
    yield Problem(
        key=str(oldest.pk),
        title=f"{count:,} purchase{' waits' if count == 1 else 's wait'} for the event bus",
        cause=f"{why.strip()} Nothing is lost: each is published once when the bus is there.",
        since=oldest.created_at,
        url=_list(BusMessage.State.QUEUED),
        retryable=False,
    )


WAITING = Source(
    name="bus-waiting",
    title="The event bus",
    find=_waiting,
    permissions=(VIEW, RESEND),
    lasting=True,
    url=lambda: _list(BusMessage.State.QUEUED),
)
