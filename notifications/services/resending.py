"""Sending a mail once more: by staff, as a new message that says what it repeats."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import transaction

from config.kit import ids
from config.kit.enqueue import enqueue
from config.kit.locks import locked
from history.domain.kinds import Kind
from history.services import record
from notifications.errors import AddressSuppressed, MessageErased, MessageOnItsWay
from notifications.models import Message
from notifications.parts import parts_seal, parts_unseal
from notifications.selectors.suppressions import suppression_of
from notifications.services.messages import message_id, message_insert

ON_ITS_WAY = (Message.State.QUEUED, Message.State.CLAIMED)
MOST = 1000
"""Messages that are hurried at once; the sweep does the rest."""


def message_resend(*, message: Message, actor: str, at: datetime) -> Message:
    """Send the same words and files again, under a Message-ID of its own so that no mailbox takes it for known.

    Raises MessageOnItsWay while it, or a repetition of it, still waits, MessageErased, and AddressSuppressed while
    its address is not written to: the repetition would be held back, and the failure would be out of sight.
    """
    with transaction.atomic():
        first = locked(Message.objects.select_related("account")).get(pk=message.pk)
        repeated = list(first.resendings.values_list("state", flat=True))
        if any(state in ON_ITS_WAY for state in (first.state, *repeated)):
            raise MessageOnItsWay
        _refuse_suppressed(first)
        uid = ids.uuid7()
        parts = parts_unseal(bytes(first.parts))
        if parts.erased:
            raise MessageErased
        parts = replace(parts, headers={**parts.headers, "Message-ID": message_id(uid)})
        again = message_insert(
            Message(
                uid=uid,
                template=first.template,
                stream=first.stream,
                dedupe_key=f"resend:{first.uid}:{len(repeated) + 1}",
                recipient=first.recipient,
                sender=first.sender,
                subject=first.subject,
                parts=parts_seal(parts),
                account=first.account,
                license_id=first.license_id,
                resent_from=first,
                due_at=at,
                created_by=actor,
                created_at=at,
            )
        )
        record(
            kind=Kind.MAIL_RESENT,
            subject=f"message:{again.uid}",
            account=first.account.customer_id if first.account else "",
            actor=actor,
            data={"repeats": str(first.uid), "template": first.template, "was": first.state},
            at=at,
        )
    return again


def _refuse_suppressed(message: Message) -> None:
    stopped = suppression_of(message.recipient, message.stream)
    if stopped is not None:
        raise AddressSuppressed(
            f"{message.recipient} is not written to ({stopped.get_reason_display()}). "
            "Lift the suppression first, or write to another address."
        )


def message_hurry(*, message: Message, at: datetime) -> bool:
    """Try a waiting message now instead of at its time; False when it does not wait any more."""
    waiting = Message.objects.filter(pk=message.pk, state=Message.State.QUEUED)
    hurried = waiting.update(due_at=at) == 1
    if hurried:
        enqueue("notifications.send_message", message.pk)
    return hurried


def messages_hurry(*, at: datetime) -> int:
    """Try everything that waits for a later attempt now, as when the mail server is back; returns how many."""
    waiting = Message.objects.filter(state=Message.State.QUEUED, due_at__gt=at).order_by("due_at")
    keys = list(waiting.values_list("pk", flat=True)[:MOST])
    hurried = Message.objects.filter(pk__in=keys, state=Message.State.QUEUED).update(due_at=at)
    enqueue("notifications.sweep_mail")
    return hurried
