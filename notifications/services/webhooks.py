"""Endpoints of outbound webhooks: made, changed, given new secrets, switched on and off, deleted (C31)."""

from __future__ import annotations

import hashlib
import secrets as randomness
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from config.kit import actors
from config.kit.errors import FieldError, Invalid, NotFound
from config.kit.locks import locked
from config.kit.sealing import reseal, seal
from config.kit.targets import UnfitUrlError, target_parse
from config.kit.validation import check_fields
from history.domain.kinds import KINDS, Kind
from history.services import record
from licenses.models import Product
from notifications.domain.standard_webhooks import NEW_BYTES, secret_text
from notifications.models import Delivery, WebhookEndpoint
from notifications.selectors.webhooks import OPEN
from notifications.webhook_errors import TooManyEndpoints, WebhookOff

MOST_ENDPOINTS = 50
"""Each event is looked at once for each of them."""
OVERLAP = timedelta(hours=24)
"""How long the secret before a rotation goes on signing beside the new one."""
CHANGEABLE = ("name", "url", "kinds", "products", "enabled")
SYSTEM = actors.system("webhooks")


def webhook_create(
    *,
    name: str,
    url: str,
    kinds: Iterable[str] = (),
    products: Iterable[str] = (),
    actor: str,
    at: datetime,
) -> tuple[WebhookEndpoint, str]:
    """Add an endpoint; return it and its secret, which is shown this once and kept sealed.

    `kinds` are kinds of the history, `products` product keys; none of either means every one. Raises
    Invalid with one entry a field, TooManyEndpoints.
    """
    secret = secret_text(randomness.token_bytes(NEW_BYTES))
    endpoint = WebhookEndpoint(
        name=name.strip(),
        url=url.strip(),
        kinds=_sorted(kinds),
        products=_sorted(products),
        secret_sealed=seal(secret.encode()),
        created_by=actor,
        created_at=at,
    )
    _check(endpoint)
    with transaction.atomic():
        if WebhookEndpoint.objects.filter(deleted_at=None).count() >= MOST_ENDPOINTS:
            raise TooManyEndpoints
        endpoint.save(force_insert=True)
        _record(Kind.WEBHOOK_CREATED, endpoint, actor, at, **_facts(endpoint))
    return endpoint, secret


def webhook_update(
    *, endpoint: WebhookEndpoint, changes: Mapping[str, Any], actor: str, at: datetime
) -> WebhookEndpoint:
    """Change any of `CHANGEABLE`; what is on its way already goes to the new address. Raises Invalid, NotFound.

    Switching off cancels what waits; `deliveries_replay_since` brings it back later.
    """
    with transaction.atomic():
        row = _lock(endpoint)
        changed = _assign(row, changes)
        if not changed:
            return row
        _check(row)
        if "enabled" in changed:
            _switch(row, at=at)
        row.save(update_fields=[*changed, "disabled_reason", "failing_since"])
        data = _facts(row) if set(changed) != {"enabled"} else {"enabled": row.enabled}
        _record(Kind.WEBHOOK_CHANGED, row, actor, at, fields=changed, **data)
    return row


def webhook_rotate(*, endpoint: WebhookEndpoint, actor: str, at: datetime) -> tuple[WebhookEndpoint, str]:
    """Give an endpoint a new secret and return it, shown this once. For `OVERLAP` both sign every request.

    Of a secret that was still overlapping nothing stays: two sign at most. Raises NotFound.
    """
    secret = secret_text(randomness.token_bytes(NEW_BYTES))
    with transaction.atomic():
        row = _lock(endpoint)
        row.previous_sealed, row.previous_until = bytes(row.secret_sealed), at + OVERLAP
        row.secret_sealed = seal(secret.encode())
        row.save(update_fields=["secret_sealed", "previous_sealed", "previous_until"])
        _record(Kind.WEBHOOK_ROTATED, row, actor, at, overlap_hours=OVERLAP // timedelta(hours=1))
    return row, secret


def webhook_delete(*, endpoint: WebhookEndpoint, actor: str, at: datetime) -> WebhookEndpoint:
    """Remove an endpoint for good: what waits is cancelled, its secrets are destroyed, its log stays.

    Raises NotFound.
    """
    with transaction.atomic():
        row = _lock(endpoint)
        row.enabled, row.deleted_at, row.failing_since = False, at, None
        row.secret_sealed, row.previous_sealed, row.previous_until = b"", None, None
        row.save()
        cancelled = deliveries_cancel(endpoint=row, at=at)
        _record(Kind.WEBHOOK_DELETED, row, actor, at, cancelled=cancelled)
    return row


def webhook_switch_off(*, endpoint: WebhookEndpoint, reason: str, cause: str, at: datetime) -> None:
    """What the sender does to an endpoint that is no use: `reason` in words, `cause` for the history.

    Call it within a transaction that holds the endpoint.
    """
    endpoint.enabled, endpoint.disabled_reason = False, reason[:200]
    endpoint.save(update_fields=["enabled", "disabled_reason", "failing_since"])
    cancelled = deliveries_cancel(endpoint=endpoint, at=at)
    _record(
        Kind.WEBHOOK_CHANGED, endpoint, SYSTEM, at,
        fields=["enabled"], enabled=False, cause=cause, cancelled=cancelled,
    )  # fmt: skip


def deliveries_cancel(*, endpoint: WebhookEndpoint, at: datetime) -> int:
    """Cancel what waits at an endpoint; return how many."""
    waiting = Delivery.objects.filter(endpoint=endpoint, state__in=OPEN)
    return waiting.update(state=Delivery.State.CANCELLED, due_at=None, settled_at=at)


def webhooks_reseal() -> int:
    """Seal every secret again under the first key-encryption key; return how many. Safe to repeat."""
    count = 0
    for pk in WebhookEndpoint.objects.filter(deleted_at=None).values_list("pk", flat=True):
        with transaction.atomic():
            row = locked(WebhookEndpoint.objects.filter(pk=pk)).get()
            row.secret_sealed = reseal(bytes(row.secret_sealed))
            row.previous_sealed = reseal(bytes(row.previous_sealed)) if row.previous_sealed else None
            row.save(update_fields=["secret_sealed", "previous_sealed"])
        count += 1
    return count


def endpoint_lock(pk: int) -> WebhookEndpoint:
    """Lock an endpoint for the length of the transaction. Raises NotFound, also for one that was deleted."""
    row = locked(WebhookEndpoint.objects.filter(pk=pk, deleted_at=None)).first()
    if row is None:
        raise NotFound("There is no such webhook endpoint.")
    return row


def demand_on(endpoint: WebhookEndpoint) -> None:
    """Raises WebhookOff."""
    if not endpoint.enabled:
        raise WebhookOff


def _lock(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    return endpoint_lock(endpoint.pk)


def _assign(row: WebhookEndpoint, changes: Mapping[str, Any]) -> list[str]:
    unknown = sorted(set(changes) - set(CHANGEABLE))
    if unknown:
        raise Invalid([FieldError(name, "unknown_field", "This cannot be changed.") for name in unknown])
    changed = []
    for name, value in changes.items():
        clean = _sorted(value) if name in {"kinds", "products"} else value
        clean = clean.strip() if isinstance(clean, str) else clean
        if getattr(row, name) != clean:
            setattr(row, name, clean)
            changed.append(name)
    return sorted(changed)


def _switch(row: WebhookEndpoint, *, at: datetime) -> None:
    """Staff switch without giving reasons; failures before it are forgiven."""
    row.disabled_reason, row.failing_since = "", None
    if not row.enabled:
        deliveries_cancel(endpoint=row, at=at)


def _check(endpoint: WebhookEndpoint) -> None:
    errors = [*_url_errors(endpoint.url), *_filter_errors(endpoint)]
    if errors:
        raise Invalid(errors)
    check_fields(endpoint, ("name", "enabled"))


def _url_errors(url: str) -> Iterator[FieldError]:
    try:
        target_parse(url, insecure=settings.WEBHOOK_ALLOW_INSECURE)
    except UnfitUrlError as error:
        yield FieldError("url", error.code, error.detail)


def _filter_errors(endpoint: WebhookEndpoint) -> Iterator[FieldError]:
    kinds = [name for name in endpoint.kinds if name not in KINDS]
    if kinds:
        yield FieldError("kinds", "unknown_kind", f"There is no kind of event {_named(kinds)}.")
    known = set(
        Product.objects.filter(product_key__in=endpoint.products).values_list("product_key", flat=True)
    )
    products = [name for name in endpoint.products if name not in known]
    if products:
        yield FieldError(
            "products", "unknown_product", f"There is no product with the key {_named(products)}."
        )


def _named(names: list[str]) -> str:
    return ", ".join(repr(name[:60]) for name in names[:3])


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted({str(name) for name in names})


def _facts(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """What history says of an endpoint. Its address may be a secret of the receiver's: only its hash."""
    return {
        "enabled": endpoint.enabled,
        "kinds": len(endpoint.kinds),
        "products": len(endpoint.products),
        "url_sha256": hashlib.sha256(endpoint.url.encode()).hexdigest(),
    }


def _record(kind: Kind, endpoint: WebhookEndpoint, actor: str, at: datetime, **data: Any) -> None:
    record(kind=kind, subject=f"webhook:{endpoint.uid}", actor=actor, data=data, at=at)
