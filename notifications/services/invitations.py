"""Brings invitations to members of staff by mail."""

from __future__ import annotations

from datetime import datetime

from accounts.services.invitations import Invitation
from notifications.models import Message, Stream
from notifications.services.messages import message_queue


def invitation_send(*, invitation: Invitation, actor: str, at: datetime) -> Message:
    """Mail the link, in the transaction that made it. In the log only superadmins ever read it."""
    user = invitation.user
    return message_queue(
        template="staff_invitation",
        to=user.email,
        context={
            "name": user.name,
            "email": user.email,
            "link": invitation.link,
            "until": invitation.until,
            "first": invitation.first,
        },
        stream=Stream.TRANSACTIONAL,
        dedupe_key=f"staff-invitation:{user.pk}:{at.isoformat()}",
        secrets=(invitation.link,),
        actor=actor,
        at=at,
    )
