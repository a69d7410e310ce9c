"""Webhook events on their way in: verified, stored once under their id, answered (E17). Worked on afterwards.

The body is sealed and only a hint: what happened is read from Stripe itself (C27).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from billing.domain.enums import InboxState
from billing.domain.parking import Reason
from billing.domain.stripe_events import read_event
from billing.errors import UnknownMerchant
from billing.gateway import SignatureInvalid, secrets_of, webhook_verify
from billing.models import MerchantProfile, StripeEvent
from billing.services.webhook_secrets import notes_forget, secrets_note
from config.kit.enqueue import debounce, enqueue
from config.kit.errors import Conflict, NotFound, Unavailable
from config.kit.locks import locked
from config.kit.sealing import reseal, seal, unseal
from config.kit.statements import insert_once
from history.domain.kinds import Kind
from history.services import record

SWEEP = "billing.sweep_inbox"
REMEMBERED_SECONDS = 5.0
"""So long a process trusts what it read of a profile; a signature that fails has it read again at once."""
WAKE_SECONDS = 0.1
BATCH = 500
AGAIN = ("state", "reason", "detail", "attempts", "due_at", "done_at")


class NotListening(Unavailable):
    """No webhook secret: nothing can be verified, and Stripe is to come again later (503)."""

    code = "webhook_secret_missing"
    title = "No webhook secret is configured for this merchant profile."


class NotParked(Conflict):
    """Only what was parked, ignored or done is worked on again; what waits is worked on by itself."""

    code = "still_waiting"
    title = "This event is waiting for its next try already."


@dataclass(frozen=True, slots=True)
class _Listener:
    """Whose events come in at an address, and the secrets that sign them."""

    merchant_id: int
    secrets: tuple[str, ...] = field(repr=False)
    until: float


_listeners: dict[str, _Listener] = {}


def event_receive(*, merchant: str, payload: bytes, signature: str, at: datetime) -> bool:
    """Store a webhook event of a profile (its slug, empty: the default one); False when it is here already.

    `payload` and `signature` (the header) as they came, whatever they hold. Raises SignatureInvalid (400),
    NotListening (503), UnknownMerchant (404), SealingKeyMissing (503); then nothing is stored.
    """
    listener, fitted = _verified(merchant, payload, signature, at)
    try:
        new = event_store(merchant_id=listener.merchant_id, payload=payload, at=at) is not None
    except IntegrityError:  # the profile that was remembered is gone
        listener = _listener(merchant, fresh=True)
        new = event_store(merchant_id=listener.merchant_id, payload=payload, at=at) is not None
    secrets_note(merchant_id=listener.merchant_id, fitted=fitted, known=listener.secrets, at=at)
    return new


def event_store(*, merchant_id: int, payload: bytes, at: datetime) -> int | None:
    """Keep the body of an event that is known to be Stripe's, and wake a worker; None when it is here already."""
    told = read_event(payload)
    waits = told.problem is not None or told.noun is not None
    event = StripeEvent(
        merchant_id=merchant_id,
        event_id=told.event_id,
        type=told.type,
        object_id=told.object_id,
        api_version=told.api_version,
        stripe_account=told.account,
        livemode=told.livemode,
        raw=seal(payload),
        state=InboxState.RECEIVED if waits else InboxState.IGNORED,
        reason=told.problem or ("" if waits else Reason.NOT_HANDLED),
        created_at=told.created,
        received_at=at,
        due_at=at if waits else None,
        done_at=None if waits else at,
    )
    if not insert_once(event, "event_id"):
        return None
    if waits:
        debounce(SWEEP, seconds=WAKE_SECONDS)
    return event.pk


def listeners_forget() -> None:
    """Read profiles and secrets anew at the next event."""
    _listeners.clear()
    notes_forget()


def _verified(merchant: str, payload: bytes, signature: str, at: datetime) -> tuple[_Listener, list[str]]:
    """Whose event it is, and the secrets that fit. A secret that was rolled a moment ago counts at once."""
    listener = _listener(merchant)
    try:
        return listener, webhook_verify(payload, signature, listener.secrets, at=at)
    except SignatureInvalid:
        fresh = _listener(merchant, fresh=True)
        if fresh.secrets == listener.secrets:
            raise
        return fresh, webhook_verify(payload, signature, fresh.secrets, at=at)


def _listener(slug: str, *, fresh: bool = False) -> _Listener:
    found = _listeners.get(slug)
    if found is not None and not fresh and found.until > time.monotonic():
        return found
    rows = (
        MerchantProfile.objects.filter(slug=slug) if slug else MerchantProfile.objects.filter(is_default=True)
    )
    row = rows.first()
    if row is None:
        raise UnknownMerchant
    secrets = secrets_of(row)
    if not secrets:
        raise NotListening
    listener = _Listener(row.pk, secrets, time.monotonic() + REMEMBERED_SECONDS)
    _listeners[slug] = listener
    return listener


# --- by hand, and in the end --------------------------------------------------------------------------


def event_rerun(*, event: StripeEvent, actor: str, at: datetime) -> StripeEvent:
    """Have an event worked on again, now, and its body read again: a newer version may understand it.

    What it led to before is not done twice. Raises NotParked (409), SealingKeyMissing (503).
    """
    with transaction.atomic():
        row = locked(StripeEvent.objects.filter(pk=event.pk)).first()
        if row is None:
            raise NotFound
        if row.state == InboxState.RECEIVED:
            raise NotParked
        data = {"type": row.type, "from": row.state, "reason": row.reason}
        told = read_event(unseal(bytes(row.raw)))
        row.type, row.object_id, row.stripe_account = told.type, told.object_id, told.account
        row.state, row.reason, row.detail = InboxState.RECEIVED, told.problem or "", ""
        row.attempts, row.due_at, row.done_at = 0, at, None
        row.save(update_fields=[*AGAIN, "type", "object_id", "stripe_account"])
        record(kind=Kind.STRIPE_EVENT_RERUN, subject=subject_of(row), actor=actor, data=data, at=at)
        enqueue(SWEEP)
    return row


def subject_of(event: StripeEvent) -> str:
    """How history names an event of Stripe's."""
    return f"stripe_event:{event.event_id}"


def events_expire(*, at: datetime) -> int:
    """Remove events that were worked on or ignored STRIPE_EVENT_KEEP_DAYS ago; how many. Parked ones stay."""
    last = at - timedelta(days=settings.STRIPE_EVENT_KEEP_DAYS)
    over = StripeEvent.objects.filter(state__in=(InboxState.DONE, InboxState.IGNORED), done_at__lte=last)
    removed = 0
    while ids := list(over.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        removed += over.filter(pk__in=ids).delete()[0]
    return removed


def events_reseal() -> int:
    """Seal every kept body again under the first key; how many. Safe to interrupt and to repeat."""
    done, last = 0, 0
    while ids := list(_after(last)):
        done += _reseal(ids)
        last = ids[-1]
    return done


def _after(last: int) -> Iterable[int]:
    return StripeEvent.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]


def _reseal(ids: Sequence[int]) -> int:
    with transaction.atomic():
        rows = list(locked(StripeEvent.objects.filter(pk__in=ids)).order_by("pk").values_list("pk", "raw"))
        for pk, raw in rows:
            StripeEvent.objects.filter(pk=pk).update(raw=reseal(bytes(raw)))
    return len(rows)
