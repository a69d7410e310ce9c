"""Sending what waits. One worker at a time has a message, by a claim that lapses when the worker dies.

At least once: a message whose line dropped before the server's last word goes out again, under the same
Message-ID. Never by two workers at once, and never again once a server or provider said that it has it.
"""

from __future__ import annotations

import random
from datetime import datetime

import structlog
from django.db.models import Case, F, QuerySet, Value, When

from config.kit import actors
from config.kit.sealing import SealingKeyMissing
from notifications.domain.retrying import CLAIM, next_try
from notifications.models import Message, Suppression
from notifications.parts import parts_unseal
from notifications.selectors.suppressions import suppression_of
from notifications.sending import Receipt, SendFailed, transmit
from notifications.services.suppressions import suppression_add

State = Message.State
ACTOR = actors.system("mail")
log = structlog.get_logger(__name__)


def message_send(*, pk: int, at: datetime) -> str:
    """Claim a message that is due and send it; returns the state it is in afterwards, empty when it is not ours.

    Never call it within a transaction: a server may take minutes.
    """
    message = message_claim(pk=pk, at=at)
    if message is None:
        return ""
    stopped = suppression_of(message.recipient, message.stream)
    if stopped is not None:
        return _settle(message, State.SUPPRESSED, stopped.get_reason_display(), at)
    try:
        parts = parts_unseal(bytes(message.parts))
        if parts.erased:
            return _settle(message, State.FAILED, "Its key was erased before it could be sent.", at)
        receipt = transmit(message, parts)
    except SealingKeyMissing as missing:
        return _failed(message, SendFailed(missing.detail), at)
    except SendFailed as failure:
        return _failed(message, failure, at)
    return _sent(message, receipt, at)


def message_claim(*, pk: int, at: datetime) -> Message | None:
    """Take a due message for this worker. One statement decides between two that try: None for the other."""
    free = Message.objects.filter(pk=pk, due_at__lte=at, state__in=(State.QUEUED, State.CLAIMED))
    taken = free.update(state=State.CLAIMED, claimed_at=at, due_at=at + CLAIM, attempts=F("attempts") + 1)
    return Message.objects.select_related("account").get(pk=pk) if taken else None


def _sent(message: Message, receipt: Receipt, at: datetime) -> str:
    # A report of the provider may have come first: then only what it could not tell is written.
    _mine(message).update(
        state=Case(When(state=State.CLAIMED, then=Value(State.SENT)), default=F("state")),
        provider=receipt.provider,
        provider_id=receipt.provider_id,
        sent_at=at,
        due_at=None,
        error="",
    )
    log.info("mail_sent", message=str(message.uid), provider=receipt.provider, attempts=message.attempts)
    return State.SENT


def _failed(message: Message, failure: SendFailed, at: datetime) -> str:
    if failure.refused:
        state = _settle(message, State.BOUNCED, failure.detail, at)
        if failure.no_mailbox:
            _suppress(message, at)
        return state
    again = None if failure.permanent else next_try(message.attempts, at=at, jitter=random.random())
    if again is None:
        return _settle(message, State.FAILED, failure.detail, at)
    _mine(message).filter(state=State.CLAIMED).update(state=State.QUEUED, due_at=again, error=failure.detail)
    log.warning("mail_waits", message=str(message.uid), attempts=message.attempts, until=again.isoformat())
    return State.QUEUED


def _suppress(message: Message, at: datetime) -> None:
    suppression_add(
        address=message.recipient, reason=Suppression.Reason.HARD_BOUNCE, message=message, actor=ACTOR, at=at
    )


def _settle(message: Message, state: State, why: str, at: datetime) -> str:
    _mine(message).filter(state=State.CLAIMED).update(state=state, due_at=None, settled_at=at, error=why)
    log.warning("mail_not_sent", message=str(message.uid), state=str(state), attempts=message.attempts)
    return state


def _mine(message: Message) -> QuerySet[Message]:
    """The row as long as this is the last claim of it: a worker thought dead that comes back changes nothing."""
    return Message.objects.filter(pk=message.pk, attempts=message.attempts)
