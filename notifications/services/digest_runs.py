"""Making the digest of a day: once, however often and by however many it is asked for (D13)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog
from django.db import transaction

from config.kit.enqueue import enqueue
from config.kit.errors import Conflict, FieldError, Invalid, NotFound
from config.kit.locks import locked
from notifications.digest_content import Content, attachments_of, content_of, context_of
from notifications.domain.days import local_day
from notifications.models import DigestRun, ExpiryDigest, Stream
from notifications.rendering import Rendered, render
from notifications.selectors import digests as selectors
from notifications.services.messages import message_queue

TEMPLATE = "expiry_digest"
OLDEST = timedelta(days=366)
log = structlog.get_logger(__name__)


class DigestOff(Conflict):
    code = "digest_off"
    title = "This digest is switched off. Switch it on first."


@dataclass(frozen=True, slots=True)
class Made:
    """The run of a day. `new` says that this call made it: otherwise nothing was sent now."""

    run: DigestRun
    new: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """A digest as it would be now. Nothing was written or sent."""

    day: date
    content: Content
    rendered: Rendered


def digest_run(*, digest: ExpiryDigest, day: date, actor: str, at: datetime) -> Made:
    """Make the digest of a day of its zone and queue a mail for each recipient, unless that was done.

    Safe to call twice and in parallel: the row of the digest is locked, and one run a day is the law of the
    table. A run that had no recipient is made again when there is one. The list is read before the lock, so
    that a long one keeps nobody waiting. Raises DigestOff (409), Invalid for a day to come or long past.
    """
    _check_day(digest, day, at)
    if not digest.enabled:
        raise DigestOff
    known = selectors.made(digest, day)
    if known is not None:
        return Made(known, new=False)
    content = content_of(digest, day=day, at=at)
    with transaction.atomic():
        row = locked(ExpiryDigest.objects.filter(pk=digest.pk)).first()
        if row is None:
            raise NotFound
        known = selectors.made(row, day)
        if known is not None:
            return Made(known, new=False)
        return Made(_make(row, content, actor, at), new=True)


def digest_preview(*, digest: ExpiryDigest, at: datetime, day: date | None = None) -> Preview:
    """The mail of a day (today) as it would be now. Raises Invalid for a day to come or long past."""
    day = day or today(digest, at)
    _check_day(digest, day, at)
    content = content_of(digest, day=day, at=at)
    return Preview(day, content, render(TEMPLATE, context_of(digest, content, at=at)))


def digests_sweep(*, at: datetime) -> int:
    """Have every digest made that is due, each in a task of its own; return how many there are.

    One whose settings make no sense any more is logged and keeps none of the others from their hour.
    """
    due = 0
    for digest in selectors.digests().filter(enabled=True):
        try:
            day = selectors.due_day(digest, at)
            if day is not None:
                due += 1
                enqueue("notifications.digest_run", digest.pk, day.isoformat())
        except Exception:
            log.exception("digest_failed", digest=digest.pk)
    return due


def today(digest: ExpiryDigest, at: datetime) -> date:
    """The day it is for a digest."""
    return local_day(at, selectors.schedule_of(digest).zone)


def _check_day(digest: ExpiryDigest, day: date, at: datetime) -> None:
    if day > today(digest, at):
        raise Invalid([FieldError("day", "to_come", f"{day} has not begun in {digest.zone}.")])
    if today(digest, at) - day > OLDEST:
        raise Invalid([FieldError("day", "too_old", f"{day} is more than {OLDEST.days} days ago.")])


def _make(digest: ExpiryDigest, content: Content, actor: str, at: datetime) -> DigestRun:
    state = _state(digest, content)
    if state == DigestRun.State.SENT:
        _queue(digest, content, actor, at)
    tally = content.tally
    run, _ = DigestRun.objects.update_or_create(
        digest=digest,
        day=content.span.day,
        defaults={
            "state": state,
            "expiring": tally.total - tally.expired,
            "expired_today": tally.expired,  # and since the last digest
            "recipients": len(digest.recipients) if state == DigestRun.State.SENT else 0,
            "made_at": at,
        },
    )
    return run


def _state(digest: ExpiryDigest, content: Content) -> DigestRun.State:
    if not digest.recipients:
        return DigestRun.State.NO_RECIPIENT
    if not (content.has_news or digest.send_empty):
        return DigestRun.State.EMPTY
    return DigestRun.State.SENT


def _queue(digest: ExpiryDigest, content: Content, actor: str, at: datetime) -> None:
    context, attachments = context_of(digest, content, at=at), attachments_of(content)
    for address in digest.recipients:
        message_queue(
            template=TEMPLATE,
            to=address,
            context=context,
            stream=Stream.DIGEST,
            dedupe_key=dedupe_key(digest.pk, content.span.day, address),
            attachments=attachments,
            actor=actor,
            at=at,
        )


def dedupe_key(digest_id: int, day: date, address: str) -> str:
    """One mail a digest, day and recipient; the address stands as its hash, for it may be long."""
    hashed = hashlib.sha256(address.lower().encode()).hexdigest()[:20]
    return f"{selectors.dedupe_prefix(digest_id, day)}{hashed}"
