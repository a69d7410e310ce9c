"""Reads of outbound webhooks: endpoints, what is due at them, and what one of them would have got."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from django.db.models import QuerySet

from config.kit import ids
from config.kit.errors import NotFound
from config.kit.sealing import unseal
from history.models import Event
from licenses.models import License
from notifications.models import Delivery, DeliveryAttempt, WebhookEndpoint

OPEN = (Delivery.State.QUEUED, Delivery.State.CLAIMED)
SEALED = ("secret_sealed", "previous_sealed")


# --- endpoints ---------------------------------------------------------------------------------------


def endpoints() -> QuerySet[WebhookEndpoint]:
    """Every endpoint that was not deleted, without its secrets."""
    return WebhookEndpoint.objects.filter(deleted_at=None).defer(*SEALED)


def endpoint_get(uid: UUID) -> WebhookEndpoint:
    """Raises NotFound."""
    found = endpoints().filter(uid=uid).first()
    if found is None:
        raise NotFound("There is no such webhook endpoint.")
    return found


def host_of(endpoint: WebhookEndpoint) -> str:
    """Where an endpoint is, without the part of its address that may be a secret."""
    return urlsplit(endpoint.url).netloc


def secrets_of(endpoint: WebhookEndpoint, *, at: datetime) -> tuple[str, ...]:
    """The secrets that sign at an instant, the newest first. Raises SealingKeyMissing (503)."""
    found = [unseal(bytes(endpoint.secret_sealed)).decode()]
    if overlaps(endpoint, at=at):
        found.append(unseal(bytes(endpoint.previous_sealed or b"")).decode())
    return tuple(found)


def overlaps(endpoint: WebhookEndpoint, *, at: datetime) -> bool:
    """Whether the secret before the last rotation still signs, too."""
    return endpoint.previous_until is not None and at < endpoint.previous_until


# --- deliveries --------------------------------------------------------------------------------------


def deliveries_of(endpoint: WebhookEndpoint) -> QuerySet[Delivery]:
    return Delivery.objects.filter(endpoint=endpoint).select_related("event", "event__entry")


def delivery_get(endpoint: WebhookEndpoint, uid: UUID) -> Delivery:
    """Raises NotFound, also for another endpoint's delivery."""
    found = deliveries_of(endpoint).filter(uid=uid).first()
    if found is None:
        raise NotFound("There is no such delivery at this endpoint.")
    return found


def attempts_of(delivery: Delivery) -> QuerySet[DeliveryAttempt]:
    return DeliveryAttempt.objects.filter(delivery=delivery).order_by("id")


def endpoints_due(*, at: datetime) -> list[int]:
    """Endpoints with something to send: due for the first time or again, or left behind by a dead worker."""
    due = Delivery.objects.filter(
        due_at__lte=at, state__in=OPEN, endpoint__enabled=True, endpoint__deleted_at=None
    )
    return sorted(due.order_by().values_list("endpoint_id", flat=True).distinct())


# --- who wants what ----------------------------------------------------------------------------------


def listeners(kind: str) -> list[WebhookEndpoint]:
    """The endpoints in service that want events of a kind, for one product at least."""
    rows = endpoints().filter(enabled=True).order_by("pk")
    return [row for row in rows if not row.kinds or kind in row.kinds]


def wants(endpoint: WebhookEndpoint, event: Event, product: str | None) -> bool:
    """Whether an event is among what an endpoint asked for. Events about no product pass no product filter."""
    return (not endpoint.kinds or event.kind in endpoint.kinds) and (
        not endpoint.products or product in endpoint.products
    )


def products_of(events: Iterable[Event]) -> dict[int, str]:
    """Event id → key of the product that it is about, for those that are about one. One query at most."""
    found: dict[int, str] = {}
    of_license: dict[UUID, list[int]] = {}
    for event in events:
        word, _, name = event.subject.partition(":")
        uid = ids.parse_license_id(name) if word == "license" else None
        if uid is not None:
            of_license.setdefault(uid, []).append(event.pk)
        elif word in {"product", "plan"}:
            found[event.pk] = name.partition("/")[0]
        elif isinstance(event.data.get("product"), str):
            found[event.pk] = event.data["product"]
    rows = License.objects.filter(uid__in=of_license) if of_license else License.objects.none()
    for uid, product in rows.values_list("uid", "product__product_key"):
        found |= dict.fromkeys(of_license[uid], product)
    return found


def events_since(since: datetime, *, kinds: Iterable[str], before: int) -> QuerySet[Event]:
    """Sequenced events from an instant on, below a position, oldest first."""
    rows = Event.objects.filter(at__gte=since, entry__position__lt=before).select_related("entry")
    wanted = list(kinds)
    return (rows.filter(kind__in=wanted) if wanted else rows).order_by("entry__position")
