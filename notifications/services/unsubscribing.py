"""A recipient who wants no more of one stream of mail, or wants it again after all."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from notifications.errors import SuppressionLifted
from notifications.models import Message, Suppression
from notifications.selectors.suppressions import suppressions_in_force
from notifications.services.suppressions import suppression_add, suppression_lift

UNDONE = "The recipient wants it again."


def message_unsubscribe(*, message: Message, at: datetime) -> Suppression:
    """No more mail of this message's stream to its recipient. Safe to repeat."""
    return suppression_add(
        address=message.recipient,
        reason=Suppression.Reason.UNSUBSCRIBE,
        stream=message.stream,
        message=message,
        actor=_recipient(message),
        at=at,
    )


def message_resubscribe(*, message: Message, at: datetime) -> int:
    """Take an unsubscribing back; returns how many were. What a bounce or staff stopped stays stopped."""
    found = suppressions_in_force(message.recipient).filter(
        reason=Suppression.Reason.UNSUBSCRIBE, stream=message.stream
    )
    lifted = 0
    for row in found:
        with suppress(SuppressionLifted):  # by a second click in the same moment
            suppression_lift(suppression=row, reason=UNDONE, actor=_recipient(message), at=at)
            lifted += 1
    return lifted


def _recipient(message: Message) -> str:
    """Who acts: the one whom the message went to, named by the message and not by an address."""
    return f"recipient:{message.uid}"
