"""A template mailed to who looks at it, with the gallery's own figures."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.models import User
from config.kit import actors, ids
from config.kit.errors import TooMany
from notifications.errors import UnknownTemplate
from notifications.mail_templates import TEMPLATES
from notifications.models import Message, Stream
from notifications.services.messages import message_queue

MOST = 20
WINDOW = timedelta(hours=1)


def template_send(*, template: str, sample: str, user: User, at: datetime) -> Message:
    """Mail a sample of a template to a member of staff. Raises UnknownTemplate, TooMany."""
    found = TEMPLATES.get(template)
    make = found.samples.get(sample) if found else None
    if make is None:
        raise UnknownTemplate(f"There is no sample {sample[:60]!r} of {template[:60]!r}.")
    sent = Message.objects.filter(
        recipient=user.email, stream=Stream.TEST, created_at__gt=at - WINDOW
    ).count()
    if sent >= MOST:
        raise TooMany(
            f"{MOST} tests an hour are enough; try again later.", retry_after=int(WINDOW.total_seconds())
        )
    return message_queue(
        template=template,
        to=user.email,
        context=make(),
        stream=Stream.TEST,
        dedupe_key=f"test:{ids.short(ids.uuid7())}",
        actor=actors.user(user),
        at=at,
    )
