"""What a notice to a customer says: when the license ends, and what happens then by its own terms."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from licenses.domain.enums import Kind
from licenses.domain.terms import Terms
from licenses.models import License
from notifications.domain.headers import one_line
from notifications.domain.notices import words
from notifications.models import NoticePolicy


def notice_context(row: License, policy: NoticePolicy, *, at: datetime) -> dict[str, Any]:
    """The context of `expiry_notice` for a license with its account, product and plan."""
    return words_context(
        Terms(row.starts_at, row.expires_at, row.warn_days, row.grace_days),
        zone=policy.zone,
        at=at,
        account=row.account.name,
        product=row.product.name,
        plan=row.plan.name,
        license_id=row.public_id,
        is_trial=row.kind == Kind.TRIAL,
        can_reply=bool(policy.reply_to),
    )


def words_context(terms: Terms, *, zone: str, at: datetime, **facts: Any) -> dict[str, Any]:
    """The same from plain values. Raises ValueError for a license without an end."""
    place = ZoneInfo(zone)
    said = words(terms, place, at)
    if terms.expires_at is None:
        raise ValueError("a perpetual license has no end to speak of")
    return {
        **{name: one_line(value) if isinstance(value, str) else value for name, value in facts.items()},
        "tense": said.tense.value,
        "days": said.days,
        "ended": said.ended,
        "has_grace": said.has_grace,
        "over": said.over,
        "ends": _instant(terms.expires_at, place),
        "writes_end": _instant(said.writes_end_at, place),
        "zone": zone,
    }


def _day(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.day} {local:%B %Y}"


def _instant(at: datetime, zone: ZoneInfo) -> str:
    return f"{_day(at, zone)}, {at.astimezone(zone):%H:%M} ({zone.key})"
