"""Deliveries of outbound webhooks: written with the event, claimed, sent, settled (C31).

A delivery is claimed in one transaction and settled in another; between them, with no transaction open, its
request is made. Who dies in between leaves a claim that lapses: the delivery goes out again, under the same
`webhook-id`, by which a receiver tells that it had it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from config.kit.enqueue import enqueue
from config.kit.locks import locked
from history.models import Event
from notifications import webhook_sender
from notifications.domain import standard_webhooks
from notifications.domain.webhook_attempts import ATTEMPTS, Answer, Decision, Outcome, decide, is_worn_out
from notifications.models import Delivery, DeliveryAttempt, WebhookEndpoint
from notifications.selectors.webhooks import OPEN, listeners, products_of, secrets_of, wants
from notifications.services.webhooks import demand_on, endpoint_lock, webhook_switch_off

LEASE = timedelta(seconds=60)
"""How long a claim holds: several times what a request may take."""
DISPATCH = "notifications.dispatch_webhooks"
READER = "webhooks"
TEST = "webhook.test"
Post = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is one's own to send. `since` is the claim's mark: whoever claims later has another."""

    delivery_id: int
    uid: UUID
    url: str
    body: bytes
    since: datetime
    secrets: tuple[str, ...] = field(repr=False)


# --- writing them down --------------------------------------------------------------------------------


def event_deliver(event: Event, *, at: datetime) -> None:
    """Reader of the history: one delivery for each endpoint that wants the event, due at once.

    An endpoint wants nothing from before it was made, however late the reader comes to it.
    """
    found = listeners(event.kind)
    product = products_of([event]).get(event.pk) if any(row.products for row in found) else None
    wanted = [row for row in found if row.created_at <= event.at and wants(row, event, product)]
    if wanted:
        deliveries_write([delivery_of(row, event, at) for row in wanted])


def deliveries_write(rows: list[Delivery]) -> None:
    """Write deliveries and have them sent after the commit; an endpoint never gets an event's second one."""
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    enqueue(DISPATCH)


def delivery_of(endpoint: WebhookEndpoint, event: Event, at: datetime) -> Delivery:
    """A delivery that is due at once, not written yet."""
    return Delivery(
        endpoint=endpoint, event=event, kind=event.kind, body=body_of(event), due_at=at, created_at=at
    )


def body_of(event: Event) -> str:
    """The text that is signed and sent: what happened, in ids, states and counts. Of the actor only the class."""
    return _text(
        event.kind,
        event.at,
        {
            "id": str(event.uid),
            "position": event.entry.position,
            "subject": event.subject,
            "account": event.account or None,
            "actor": event.actor.partition(":")[0],
            "data": event.data,
        },
    )


def _text(kind: str, at: datetime, data: dict[str, Any]) -> str:
    timestamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    document = {"type": kind, "timestamp": timestamp, "data": data}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


# --- sending them -------------------------------------------------------------------------------------


def delivery_send_next(
    *, endpoint_id: int, clock: Callable[[], datetime], post: Post = webhook_sender.post
) -> bool:
    """Send the delivery that waits longest at an endpoint; True when it arrived.

    False when it failed, when nothing is due, or when somebody else is sending to this endpoint: one
    request at a time. Reads the clock before and after the request, for it may take a while.
    """
    claim = delivery_claim(endpoint_id=endpoint_id, at=clock())
    if claim is None:
        return False
    answer = claim_send(claim, at=clock(), post=post)
    return delivery_settle(claim=claim, answer=answer, at=clock()).state == Delivery.State.DELIVERED


def delivery_claim(*, endpoint_id: int, at: datetime) -> Claim | None:
    """Take the delivery that is due longest, unless another of this endpoint is in flight.

    A claimed row stays due, after its lease: who finds it then may take it.
    """
    with transaction.atomic():
        # The lock makes "nothing in flight" and the claim one step; a claim is held by its row, not by this.
        endpoint = locked(
            WebhookEndpoint.objects.filter(pk=endpoint_id, enabled=True, deleted_at=None)
        ).first()
        if endpoint is None:
            return None
        rows = Delivery.objects.filter(endpoint=endpoint, state__in=OPEN)
        if rows.filter(state=Delivery.State.CLAIMED, due_at__gt=at, event__isnull=False).exists():
            return None
        row = rows.filter(due_at__lte=at).order_by("due_at", "id").first()
        return None if row is None else _claim(endpoint, row, at)


def _claim(endpoint: WebhookEndpoint, row: Delivery, at: datetime) -> Claim | None:
    secrets = secrets_of(endpoint, at=at)  # before the row is taken: without secrets nothing can be sent
    same = Delivery.objects.filter(pk=row.pk, state=row.state, due_at=row.due_at)
    taken = same.update(state=Delivery.State.CLAIMED, claimed_at=at, due_at=at + LEASE)
    if not taken:
        return None
    return Claim(row.pk, row.uid, endpoint.url, row.body.encode(), at, secrets)


def claim_send(claim: Claim, *, at: datetime, post: Post = webhook_sender.post) -> Answer:
    """Make the request of a claim. The network is here: no transaction may be open."""
    headers = standard_webhooks.headers(
        claim.secrets, message_id=str(claim.uid), timestamp=int(at.timestamp()), body=claim.body
    )
    answer = post(claim.url, headers, claim.body, insecure=settings.WEBHOOK_ALLOW_INSECURE)
    return Answer(
        status=answer.status,
        error=answer.error,
        text=_without(answer.text, claim.secrets),
        retry_after=answer.retry_after,
        duration_ms=answer.duration_ms,
    )


def _without(text: str, secrets: tuple[str, ...]) -> str:
    """A receiver knows its secret, and some print all they know when they fail."""
    for secret in secrets:
        for form in (secret, secret.removeprefix(standard_webhooks.PREFIX)):
            text = text.replace(form, "[secret]")
    return text


def delivery_settle(*, claim: Claim, answer: Answer, at: datetime) -> Delivery:
    """Write the attempt down and decide what comes next. Returns the delivery as it is then.

    A claim that lapsed meanwhile and was taken by another leaves its attempt in the log and nothing else.
    """
    with transaction.atomic():
        endpoint_id = Delivery.objects.values_list("endpoint_id", flat=True).get(pk=claim.delivery_id)
        endpoint = locked(WebhookEndpoint.objects.filter(pk=endpoint_id)).get()
        row = locked(Delivery.objects.filter(pk=claim.delivery_id)).get()
        _log(row, answer, at)
        if row.claimed_at != claim.since or row.state not in {
            Delivery.State.CLAIMED,
            Delivery.State.CANCELLED,
        }:
            return row
        decision = decide(
            answer, made=row.attempts + 1, seed=str(row.uid), at=at,
            attempts=ATTEMPTS if row.event_id else 1,
        )  # fmt: skip
        _move(row, decision, answer, at)
        if row.event_id:
            _judge(endpoint, decision, answer, at)
    return row


def _log(row: Delivery, answer: Answer, at: datetime) -> None:
    DeliveryAttempt.objects.create(
        delivery=row,
        number=row.log.count() + 1,
        at=at,
        status=answer.status,
        error=answer.error,
        answer=answer.text,
        duration_ms=answer.duration_ms,
    )


STATES = {
    Outcome.DELIVERED: Delivery.State.DELIVERED,
    Outcome.AGAIN: Delivery.State.QUEUED,
    Outcome.DEAD: Delivery.State.DEAD,
    Outcome.GONE: Delivery.State.CANCELLED,
}


def _move(row: Delivery, decision: Decision, answer: Answer, at: datetime) -> None:
    state = STATES[decision.outcome]
    if row.state == Delivery.State.CANCELLED and state != Delivery.State.DELIVERED:
        state, decision = Delivery.State.CANCELLED, Decision(Outcome.GONE)  # switched off during the request
    row.state, row.due_at = state, decision.due_at
    row.settled_at = None if decision.due_at else at
    row.attempts += 1
    row.last_status, row.last_error = answer.status, answer.error
    row.save(update_fields=["state", "due_at", "settled_at", "attempts", "last_status", "last_error"])


def _judge(endpoint: WebhookEndpoint, decision: Decision, answer: Answer, at: datetime) -> None:
    """What an attempt says about its endpoint: well again, failing, or no use any more."""
    if decision.outcome is Outcome.DELIVERED:
        if endpoint.failing_since is not None:
            endpoint.failing_since = None
            endpoint.save(update_fields=["failing_since"])
        return
    began, endpoint.failing_since = endpoint.failing_since, endpoint.failing_since or at
    if not endpoint.enabled:
        return
    if decision.outcome is Outcome.GONE:
        webhook_switch_off(endpoint=endpoint, reason="It answered 410 Gone.", cause="gone", at=at)
    elif is_worn_out(began, at=at):
        reason = f"Every request failed since {began:%Y-%m-%d %H:%M} UTC. The last: {answer.error}"
        webhook_switch_off(endpoint=endpoint, reason=reason, cause="failing", at=at)
    elif began is None:
        endpoint.save(update_fields=["failing_since"])


# --- a test -------------------------------------------------------------------------------------------


def webhook_test(
    *, endpoint: WebhookEndpoint, clock: Callable[[], datetime], post: Post = webhook_sender.post
) -> DeliveryAttempt:
    """Send a test event at once and return what came back; it is tried once and moves nothing else.

    Waits for the receiver, 15 s at most: never call it within a transaction. Raises NotFound, WebhookOff.
    """
    claim = _test_claim(endpoint, clock())
    row = delivery_settle(claim=claim, answer=claim_send(claim, at=clock(), post=post), at=clock())
    return row.log.select_related("delivery").latest("id")


def _test_claim(endpoint: WebhookEndpoint, at: datetime) -> Claim:
    with transaction.atomic():
        row = endpoint_lock(endpoint.pk)
        demand_on(row)
        secrets = secrets_of(row, at=at)
        body = _text(TEST, at, {"endpoint": str(row.uid), "message": "If you can read this, it works."})
        delivery = Delivery.objects.create(
            endpoint=row, event=None, kind=TEST, body=body, state=Delivery.State.CLAIMED, created_at=at,
            claimed_at=at, due_at=at + LEASE,
        )  # fmt: skip
    return Claim(delivery.pk, delivery.uid, row.url, body.encode(), at, secrets)
