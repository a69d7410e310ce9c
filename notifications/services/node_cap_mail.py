"""Mail that follows each step up of a spell over the node cap: the reader `node-cap-mail` of the history (A16)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings

from config.kit.display import page_of
from history.domain.kinds import Kind
from history.models import Event
from licenses.domain.enums import NodeCapState
from licenses.models import Installation, License, NodeCapEpisode
from notifications.domain.headers import one_line
from notifications.models import Stream
from notifications.services.messages import message_queue
from notifications.trial_content import said
from trials.models import Trial

READER = "node-cap-mail"
KINDS = (Kind.NODE_CAP_ESCALATED,)
ACTOR = "system:node-cap-mail"
TEMPLATE = "node_cap"


def follow(event: Event, *, at: datetime) -> None:
    """One step up: a mail to the customer's contact and one to the member of staff who looks after the account.

    Nothing for a spell that has ended meanwhile. Who has no address stands under "Needs attention" all the same.
    """
    rows = Installation.objects.select_related("license__account__owner", "license__product")
    row = rows.filter(pk=event.data["installation"], set_aside_at=None).first()
    spell = NodeCapEpisode.objects.filter(installation=row, ended_at=None).first() if row else None
    if row is None or spell is None:
        return
    context = _context(row, spell, event)
    owner = row.license.account.owner
    told = {"customer": contact_of(row.license), "staff": owner.email if owner and owner.is_active else ""}
    for who, address in told.items():
        if address:
            message_queue(
                template=TEMPLATE,
                to=address,
                context={**context, "for_staff": who == "staff"},
                stream=Stream.NOTICE,
                dedupe_key=f"node_cap:{event.uid}:{who}",
                account=row.license.account,
                license=row.license,
                actor=ACTOR,
                at=at,
            )


def contact_of(row: License) -> str:
    """Whom the customer wants to be written to; of a trial, who asked for it."""
    email = row.account.email
    return (
        email
        or Trial.objects.filter(license=row).order_by("-pk").values_list("email", flat=True).first()
        or ""
    )


def _context(row: Installation, spell: NodeCapEpisode, event: Event) -> dict[str, Any]:
    return {
        "account": one_line(row.license.account.name),
        "product": one_line(row.license.product.name),
        "license_id": row.license.public_id,
        "installation": row.install_id,
        "nodes": event.data["nodes"],
        "cap": event.data["cap"],
        "since": said(spell.started_at, clock=False),
        "escalated": event.data["state"] == NodeCapState.ESCALATED,
        "url": f"{settings.BASE_URL.rstrip('/')}{page_of(row.license)}",
    }
