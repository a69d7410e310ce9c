"""The key within a mail, shown to staff who may see it. Each showing is an event, as it is everywhere else."""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.db import transaction

from history.domain.kinds import Kind
from history.services import record
from licenses.models import Issuance
from notifications.models import Message
from notifications.parts import Parts, parts_unseal


def message_read(*, message: Message, actor: str, at: datetime) -> Parts:
    """The parts of a message with whatever is secret in them; the history tells that `actor` saw it."""
    parts = parts_unseal(bytes(message.parts))
    hashes = [hashlib.sha256(item.content).hexdigest() for item in parts.attachments if item.secret]
    issuance = Issuance.objects.filter(text_sha256__in=hashes).first() if hashes else None
    with transaction.atomic():
        record(
            kind=Kind.ARTIFACT_READ,
            subject=f"license:{message.license.public_id}" if message.license else f"message:{message.uid}",
            account=message.account.customer_id if message.account else "",
            actor=actor,
            data={
                "message": str(message.uid),
                **({"jti": issuance.jti_text, "sha256": issuance.text_sha256} if issuance else {}),
            },
            at=at,
        )
    return parts
