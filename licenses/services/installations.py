"""What staff do to installations. What installations say of themselves is in `heartbeats`."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from config.kit.errors import Conflict
from config.kit.locks import locked
from history.services import record
from licenses.models import Installation
from licenses.services.node_caps import node_cap_observe


class AlreadySetAside(Conflict):
    code = "already_set_aside"
    title = "This installation was set aside before; nothing has changed."


def installation_set_aside(*, installation: Installation, actor: str, at: datetime) -> Installation:
    """Count an installation no more: it is gone, or it was somebody's trial run. Raises AlreadySetAside.

    A spell over the node cap ends with it. Its next heartbeat takes it back.
    """
    with transaction.atomic():
        rows = Installation.objects.select_related("license__account").filter(pk=installation.pk)
        row = locked(rows).get()
        if row.set_aside_at is not None:
            raise AlreadySetAside
        row.set_aside_at = at
        row.save(update_fields=["set_aside_at"])
        record(
            kind="installation.changed",
            subject=f"license:{row.license.public_id}",
            account=row.license.account.customer_id,
            actor=actor,
            data={"installation": row.pk, "changed": ["set_aside"]},
            at=at,
        )
        node_cap_observe(installation=row, actor=actor, at=at)
    return row
