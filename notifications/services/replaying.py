"""Sending webhooks again: one, all that are dead, or everything since an instant. Each keeps its `webhook-id`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from config.kit.enqueue import enqueue
from config.kit.locks import locked
from history.domain.kinds import Kind
from history.models import Event, Reader
from history.services import record
from notifications.models import Delivery, WebhookEndpoint
from notifications.selectors.webhooks import events_since, products_of, wants
from notifications.services.deliveries import DISPATCH, READER, deliveries_write, delivery_of
from notifications.services.webhook_retention import demand_kept
from notifications.services.webhooks import demand_on, endpoint_lock
from notifications.webhook_errors import DeliveryOnItsWay, TooManyToReplay

LIMIT = 5000
BATCH = 500
State = Delivery.State


def delivery_replay(*, delivery: Delivery, actor: str, at: datetime) -> Delivery:
    """Send a delivery again now, from the first attempt on, whatever became of it.

    Raises NotFound, WebhookOff, DeliveryOnItsWay.
    """
    with transaction.atomic():
        endpoint = endpoint_lock(delivery.endpoint_id)
        demand_on(endpoint)
        row = locked(Delivery.objects.filter(pk=delivery.pk)).get()
        if row.state == State.CLAIMED:
            raise DeliveryOnItsWay
        _requeue(Delivery.objects.filter(pk=row.pk), at)
        _record(endpoint, actor, at, scope="one", count=1, delivery=str(row.uid))
        enqueue(DISPATCH)
    row.refresh_from_db()
    return row


def deliveries_replay_dead(*, endpoint: WebhookEndpoint, actor: str, at: datetime) -> int:
    """Send every dead delivery of an endpoint again; return how many. Raises NotFound, WebhookOff."""
    with transaction.atomic():
        row = endpoint_lock(endpoint.pk)
        demand_on(row)
        count = _requeue(Delivery.objects.filter(endpoint=row, state=State.DEAD, event__isnull=False), at)
        if count:
            _record(row, actor, at, scope="dead", count=count)
            enqueue(DISPATCH)
    return count


def deliveries_replay_since(
    *, endpoint: WebhookEndpoint, since: datetime, delivered: bool = False, actor: str, at: datetime
) -> int:
    """Send what happened since an instant and did not arrive; return how many.

    Dead and cancelled deliveries, with `delivered` those that arrived as well, and events for which there is
    no delivery because the endpoint was switched off, not there yet, or did not ask for them. Raises
    NotFound, WebhookOff, TooManyToReplay, and Invalid for an instant before the deliveries that are kept.
    """
    demand_kept(since, at)
    states = [State.DEAD, State.CANCELLED, *([State.DELIVERED] if delivered else [])]
    with transaction.atomic():
        row = endpoint_lock(endpoint.pk)
        demand_on(row)
        again = Delivery.objects.filter(endpoint=row, state__in=states, event__at__gte=since)
        old = again[: LIMIT + 1].count()
        missed = list(islice(_missed(row, since), LIMIT + 1 - old))
        count = old + len(missed)
        if count > LIMIT:
            raise TooManyToReplay(f"More than {LIMIT} deliveries; choose a later instant.", limit=LIMIT)
        if count:
            _requeue(again, at)
            for start in range(0, len(missed), BATCH):
                deliveries_write([delivery_of(row, event, at) for event in missed[start : start + BATCH]])
            _record(row, actor, at, scope="since", count=count, since=since.isoformat())
            enqueue(DISPATCH)
    return count


def _missed(endpoint: WebhookEndpoint, since: datetime) -> Iterator[Event]:
    """Events that the reader has passed and this endpoint would get today, without a delivery to it."""
    position = Reader.objects.filter(name=READER).values_list("position", flat=True).first() or 0
    has_one = Exists(Delivery.objects.filter(endpoint=endpoint, event=OuterRef("pk")))
    events = events_since(since, kinds=endpoint.kinds, before=position).filter(~has_one)
    rows = events.iterator(chunk_size=BATCH)
    while chunk := list(islice(rows, BATCH)):
        products = products_of(chunk) if endpoint.products else {}
        yield from (event for event in chunk if wants(endpoint, event, products.get(event.pk)))


def _requeue(rows: QuerySet[Delivery], at: datetime) -> int:
    return rows.update(state=State.QUEUED, attempts=0, due_at=at, settled_at=None)


def _record(endpoint: WebhookEndpoint, actor: str, at: datetime, **data: Any) -> None:
    record(kind=Kind.WEBHOOK_REPLAYED, subject=f"webhook:{endpoint.uid}", actor=actor, data=data, at=at)
