"""The link with which a member of staff chooses a password."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from notifications.mail_templates.kinds import MailTemplate
from notifications.models import Stream


def sample(**changed: Any) -> dict[str, Any]:
    """What the courier of invitations hands over."""
    return {
        "name": "Grace Hopper",
        "email": "grace@signet.example",
        "link": "https://licenses.example.com/admin/welcome/Nw/d1-0123456789abcdef0123456789abcdef/",
        "until": datetime(2026, 3, 5, 9, 30, tzinfo=UTC),
        "first": True,
        **changed,
    }


TEMPLATE = MailTemplate(
    name="staff_invitation",
    title="Invitation of staff",
    about="A superadmin makes a user, or helps somebody who forgot their password: a link that works once.",
    stream=Stream.TRANSACTIONAL,
    private=True,
    samples={
        "a new user": sample,
        "a forgotten password": lambda: sample(first=False),
        "without a name": lambda: sample(name=""),
        "hostile names": lambda: sample(name='<script>alert("a")</script>\r\nBcc: eve@evil.example'),
    },
)
