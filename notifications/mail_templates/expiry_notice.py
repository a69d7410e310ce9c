"""The notice to a customer whose license ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from licenses.domain.terms import Terms
from notifications.mail_templates.kinds import MailTemplate
from notifications.models import Stream
from notifications.notice_content import words_context

_ENDS = datetime(2026, 4, 1, 15, 0, tzinfo=UTC)
_DAY = timedelta(days=1)


def sample(days: int, *, grace_days: int = 14, **facts: Any) -> dict[str, Any]:
    """What `notice_send` hands over so many days after the end, at nine in the morning."""
    given = {
        "account": "Acme Corporation",
        "product": "Relay",
        "plan": "Enterprise",
        "license_id": "L-AGNR4K2Q7VHX7JWZ5T3MPLD2AE",
        "is_trial": False,
        "can_reply": True,
        **facts,
    }
    terms = Terms(_ENDS - 365 * _DAY, _ENDS, 30, grace_days)
    at = _ENDS.replace(hour=7) + days * _DAY
    return words_context(terms, zone="Europe/Berlin", at=at, **given)


_HOSTILE = "<b>Acme</b> {{ settings.SECRET_KEY }}\r\nBcc: eve@evil.example"

TEMPLATE = MailTemplate(
    name="expiry_notice",
    title="Expiry notice",
    about="A customer is told that a license ends or has ended, and what happens then by its terms.",
    stream=Stream.NOTICE,
    samples={
        "in 30 days": lambda: sample(-30),
        "tomorrow": lambda: sample(-1),
        "today": lambda: sample(0),
        "ended, in grace": lambda: sample(3),
        "ended, read-only": lambda: sample(20),
        "without grace": lambda: sample(-7, grace_days=0, can_reply=False),
        "a trial": lambda: sample(-7, grace_days=3, is_trial=True, plan="Enterprise trial"),
        "hostile names": lambda: sample(-7, account=_HOSTILE, product=_HOSTILE, plan=_HOSTILE),
    },
)
