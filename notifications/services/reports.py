"""What providers report of messages: each report once, states forward only, bad addresses not written to again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from config.kit.locks import locked
from notifications.domain.reports import LEADS_TO, SETTLED, Report, moved, stop_for
from notifications.models import Message, MessageEvent, Suppression
from notifications.services.suppressions import suppression_add

_LONGEST_DETAIL = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """One report. `event_id` is unique for ever; the message is named by our `uid`, else by the provider's id.

    `reason` is why the receiver or the provider refused, in anymail's words; `soft`: a bounce that passes.
    """

    provider: str
    event_id: str
    report: Report
    message_id: str = ""
    uid: str = ""
    reason: str = ""
    soft: bool = False
    detail: str = ""
    at: datetime


def report_record(*, reported: Reported, actor: str, at: datetime) -> Message | None:
    """Keep a report and what follows from it; a repeated one changes nothing. None: a message not of ours."""
    with transaction.atomic():
        message = _message(reported)
        if message is None or not _is_new(message, reported):
            return message
        _move(message, reported)
        stop = stop_for(reported.report, reason=reported.reason, soft=reported.soft)
        if stop is not None:
            suppression_add(
                address=message.recipient,
                reason=Suppression.Reason(stop.reason),
                stream="" if stop.every else message.stream,
                message=message,
                actor=actor,
                at=at,
            )
    return message


def _message(reported: Reported) -> Message | None:
    rows = locked(Message.objects.select_related("account"))
    uid = _uid(reported.uid)
    if uid is not None:
        return rows.filter(uid=uid).first()
    if not reported.message_id:
        return None
    return rows.filter(provider_id=reported.message_id[:255], provider=reported.provider).first()


def _uid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _is_new(message: Message, reported: Reported) -> bool:
    try:
        with transaction.atomic():
            MessageEvent.objects.create(
                message=message,
                provider_event_id=reported.event_id,
                kind=reported.report,
                detail=reported.detail[:_LONGEST_DETAIL],
                at=reported.at,
            )
    except IntegrityError:
        return False
    return True


def _move(message: Message, reported: Reported) -> None:
    """A report may come before the worker has said that it handed the message over, or instead of that."""
    later = moved(message.state, reported.report)
    if reported.report in LEADS_TO:
        message.provider = message.provider or reported.provider
        message.provider_id = message.provider_id or reported.message_id[:255]
        message.sent_at = message.sent_at or reported.at
        message.due_at = None  # somebody has it: it is not sent again
    if later != message.state:
        message.state = Message.State(later)
        message.settled_at = reported.at if later in SETTLED else None
        message.error = "" if later == Message.State.DELIVERED else reported.detail[:_LONGEST_DETAIL]
    message.save(
        update_fields=["provider", "provider_id", "sent_at", "due_at", "state", "settled_at", "error"]
    )
