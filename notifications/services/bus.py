"""Purchase events on their way to the bus: written with the event, claimed, published, settled (E20).

A message is claimed in one transaction and settled in another; between them, with no transaction open, it is
published. Who dies in between leaves a claim that lapses: the message goes out again under the same id and
subject, and the stream, which keeps one message a subject, has it once, however late that is.
"""

from __future__ import annotations

import base64
import binascii
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from config.kit import ids
from config.kit.enqueue import debounce
from config.kit.locks import locked
from history.domain.kinds import Kind
from history.models import Event
from history.services import record
from licenses.models import Issuance
from licenses.models.issuances import Channel
from notifications.bus_content import body_of
from notifications.bus_publisher import Outgoing, bus
from notifications.domain.bus import EVENT, Answer, next_attempt, subject_of
from notifications.errors import BusMessageOnItsWay
from notifications.models import BusMessage
from notifications.selectors.bus import messages_due

READER = "bus"
KINDS = (Kind.LICENSE_ISSUED, Kind.LICENSE_RENEWED)
DISPATCH = "notifications.dispatch_bus"
LEASE = timedelta(seconds=60)
"""How long a claim holds: several times what publishing a batch may take."""
BATCH = 100
State = BusMessage.State
log = structlog.get_logger(__name__)


class Publish(Protocol):
    """Publishes messages on a stream; one answer each, in order."""

    def __call__(self, url: str, messages: Sequence[Outgoing], *, stream: str) -> list[Answer]: ...


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is one's own to publish. `since` is the claim's mark: whoever claims later has another."""

    pk: int
    message_id: str
    body: bytes
    since: datetime


# --- writing them down --------------------------------------------------------------------------------


def follow(event: Event, *, at: datetime) -> None:
    """Reader of the history: a purchase that issued or renewed a license becomes a message, due at once.

    Only what Stripe's webhooks caused; what staff, the API, the command line or a trial issue stays silent.
    """
    if event.data.get("channel") != Channel.WEBHOOK or not bus_wanted():
        return
    issuance = _issuance_of(event)
    BusMessage.objects.get_or_create(
        event=event,
        defaults={
            "issuance": issuance,
            "message_id": issuance.jti_text,
            "name": EVENT,
            "body": body_of(issuance),
            "due_at": at,
            "created_at": at,
        },
    )
    debounce(DISPATCH)


def bus_wanted() -> bool:
    """Whether messages are written: a bus is configured, or is missing and not left out on purpose."""
    return bool(settings.NATS_URL) or "bus" not in settings.WITHOUT


def _issuance_of(event: Event) -> Issuance:
    """The issuance that an event is about, by its jti. An event without one fails and is parked."""
    try:
        jti = UUID(bytes=base64.urlsafe_b64decode(f"{event.data['jti']}=="))
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise ValueError(f"the event {event.uid} names no issuance") from error
    uid = ids.parse_license_id(event.subject.partition(":")[2])
    if uid is None:
        raise ValueError(f"the event {event.uid} is not about a license")
    related = ("license__account", "license__product", "signing_key")
    return Issuance.objects.select_related(*related).get(jti=jti, license__uid=uid)


# --- publishing them ----------------------------------------------------------------------------------


def messages_dispatch(
    *, clock: Callable[[], datetime], publish: Publish = bus.publish, limit: int = BATCH
) -> tuple[int, int]:
    """Publish what is due, side by side; returns how many arrived and how many were tried.

    Never call it within a transaction: NATS may take seconds. Without SIGNET_NATS_URL everything waits.
    """
    if not settings.NATS_URL:
        return 0, 0
    claims = messages_claim(at=clock(), limit=limit)
    if not claims:
        return 0, 0
    outgoing = [
        Outgoing(subject_of(settings.NATS_SUBJECT, claim.message_id), claim.message_id, claim.body)
        for claim in claims
    ]
    answers = publish(settings.NATS_URL, outgoing, stream=settings.NATS_STREAM)
    for claim, answer in zip(claims, answers, strict=True):
        message_settle(claim=claim, answer=answer, at=clock())
    arrived = sum(answer.arrived for answer in answers)
    log.info("bus_dispatched", tried=len(claims), arrived=arrived)
    return arrived, len(claims)


def messages_claim(*, at: datetime, limit: int = BATCH) -> list[Claim]:
    """Take the messages that are due longest. A claimed row stays due, after its lease."""
    skip = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        rows = list(messages_due(at=at).select_for_update(skip_locked=skip)[:limit])
        mine = BusMessage.objects.filter(pk__in=[row.pk for row in rows])
        mine.update(state=State.CLAIMED, claimed_at=at, due_at=at + LEASE, attempts=F("attempts") + 1)
    return [Claim(row.pk, row.message_id, row.body.encode(), at) for row in rows]


def message_settle(*, claim: Claim, answer: Answer, at: datetime) -> BusMessage:
    """Write down what came of an attempt. A claim that lapsed and was taken by another changes nothing."""
    with transaction.atomic():
        row = locked(BusMessage.objects.filter(pk=claim.pk)).get()
        if row.state != State.CLAIMED or row.claimed_at != claim.since:
            return row
        row.last_error = answer.detail[:500]
        if answer.arrived:
            row.state, row.due_at, row.sent_at, row.settled_at = State.SENT, None, at, at
            row.stream, row.sequence = answer.stream, answer.sequence
        else:
            _put_back(row, answer, at)
        row.save()
    return row


def _put_back(row: BusMessage, answer: Answer, at: datetime) -> None:
    if answer.outcome is answer.outcome.REFUSED:
        row.refusals += 1
    again = next_attempt(answer, attempts=row.attempts, refusals=row.refusals, at=at, jitter=random.random())
    row.state, row.due_at = (State.QUEUED, again) if again else (State.DEAD, None)
    row.settled_at = None if again else at
    log.warning("bus_waits", message=row.message_id, state=str(row.state), why=answer.detail)


# --- again --------------------------------------------------------------------------------------------


def message_resend(*, message: BusMessage, actor: str, at: datetime) -> BusMessage:
    """Publish a message again now, whatever became of it; a stream that has it keeps the one it has.

    Raises BusMessageOnItsWay while a worker is at it.
    """
    with transaction.atomic():
        row = locked(BusMessage.objects.filter(pk=message.pk)).get()
        if row.state == State.CLAIMED:
            raise BusMessageOnItsWay
        _requeue([row.pk], at)
        _record(row.uid, actor, at, scope="one", count=1)
        debounce(DISPATCH)
    row.refresh_from_db()
    return row


def messages_resend_dead(*, actor: str, at: datetime) -> int:
    """Publish every message again that was given up; returns how many."""
    with transaction.atomic():
        dead = list(locked(BusMessage.objects.filter(state=State.DEAD)).order_by("pk"))
        if dead:
            _requeue([row.pk for row in dead], at)
            _record(dead[-1].uid, actor, at, scope="dead", count=len(dead))
            debounce(DISPATCH)
    return len(dead)


def _requeue(pks: list[int], at: datetime) -> None:
    again: dict[str, Any] = {"state": State.QUEUED, "due_at": at, "settled_at": None}
    BusMessage.objects.filter(pk__in=pks).update(**again, attempts=0, refusals=0)


def _record(uid: UUID, actor: str, at: datetime, **data: Any) -> None:
    record(kind=Kind.BUS_RESENT, subject=f"bus_message:{uid}", actor=actor, data=data, at=at)
