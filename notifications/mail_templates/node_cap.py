"""The message that follows each step up of a spell over the node cap (A16)."""

from __future__ import annotations

from typing import Any

from notifications.mail_templates.kinds import MailTemplate
from notifications.models import Stream

_HOSTILE = "<b>Acme</b> {{ settings.SECRET_KEY }}\r\nBcc: eve@evil.example"


def sample(**changed: Any) -> dict[str, Any]:
    """What the reader of node caps hands over."""
    return {
        "account": "Acme Corporation",
        "product": "Relay",
        "license_id": "L-AGNR4K2Q7VHX7JWZ5T3MPLD2AE",
        "installation": "5c1f0a7e9b",
        "nodes": 9,
        "cap": 4,
        "since": "1 April 2026",
        "escalated": False,
        "for_staff": False,
        "url": "https://licenses.example.com/admin/licenses/license/1/change/",
        **changed,
    }


TEMPLATE = MailTemplate(
    name="node_cap",
    title="Over the node cap",
    about="After each step up of a spell over the node cap, to the customer and to who looks after it.",
    stream=Stream.NOTICE,
    samples={
        "a notice": sample,
        "escalated": lambda: sample(escalated=True),
        "a notice, for staff": lambda: sample(for_staff=True),
        "escalated, for staff": lambda: sample(escalated=True, for_staff=True),
        "hostile names": lambda: sample(account=_HOSTILE, product=_HOSTILE, installation=_HOSTILE),
    },
)
