"""The morning mail of staff: what expires."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from notifications.digest_content import LINES, Content, context_of
from notifications.digest_follow_ups import NOTHING, FollowUps
from notifications.domain.digest import Line, Tally, Told, span_of
from notifications.mail_templates.kinds import MailTemplate
from notifications.models import ExpiryDigest, Stream

_AT = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
_DAY = date(2026, 3, 2)
_ZONE = "Europe/Berlin"
# days from the digest's day to the end, account, plan, kind, count, creator
_ROWS: tuple[tuple[float, str, str, str, int, str], ...] = (
    (-2.4, "Initech", "Enterprise", "commercial", 1, "Grace Hopper"),
    (0.1, "Acme Corporation", "Enterprise", "commercial", 5, "Ada Lovelace"),
    (0.6, "Globex", "Enterprise trial", "trial", 1, "api-key:sgk_8f2c"),
    (1.3, "Umbrella Research", "Enterprise", "commercial", 12, "Ada Lovelace"),
    (4.5, "Wonka Industries", "Enterprise trial", "trial", 1, "Grace Hopper"),
    (6.2, "Stark Industries", "Community", "test", 1, "Linus"),
    (11.0, "Wayne Enterprises", "Enterprise", "commercial", 3, "Ada Lovelace"),
    (23.0, "Hooli", "Enterprise", "commercial", 1, "Grace Hopper"),
)


def sample(
    rows: Iterable[tuple[float, str, str, str, int, str]] = _ROWS,
    *,
    at: datetime = _AT,
    follow_ups: FollowUps = NOTHING,
    **settings: Any,
) -> dict[str, Any]:
    """What a run hands over, made from rows instead of the database."""
    zone = ZoneInfo(_ZONE)
    fields = {"name": "Daily expiry digest", "days_ahead": 30, "zone": _ZONE, **settings}
    digest = ExpiryDigest(pk=1, **fields)
    told = Told(_DAY - timedelta(days=3), _AT - timedelta(days=3))
    span = span_of(_DAY, zone, days_ahead=digest.days_ahead, begins=_AT, told=told)
    tally = Tally(LINES)
    for number, row in enumerate(rows, start=1):
        expires_at = span.today + timedelta(days=row[0])
        tally.add(
            Line(
                license_id=number, public_id=f"L-{number:026d}", account_id=number, account=row[1],
                product="Relay", plan=row[2], kind=row[3], internal=row[5] == "Linus", quantity=row[4],
                creator=row[5], created_at=expires_at - timedelta(days=365), expires_at=expires_at,
                days_left=span.days_left(expires_at), section=span.section(expires_at),
            )
        )  # fmt: skip
    return context_of(digest, Content(span, tally, b"", follow_ups), at=at)


def _long() -> dict[str, Any]:
    return sample(
        (
            0.2 + number / 50,
            f"Customer number {number}",
            "Enterprise",
            "commercial",
            1 + number % 7,
            "Ada Lovelace",
        )
        for number in range(1400)
    )


_HOSTILE = "<img src=x onerror=alert(1)>{{ settings.SECRET_KEY }}\r\nBcc: eve@evil.example"

TEMPLATE = MailTemplate(
    name="expiry_digest",
    title="Expiry digest",
    about="Staff are told once a day which licenses expired and which are about to.",
    stream=Stream.DIGEST,
    samples={
        "a usual day": lambda: sample(include_internal=True, follow_ups=FollowUps(0, 3)),
        "one license": lambda: sample(_ROWS[3:4]),
        "nothing to list": lambda: sample(()),
        "only trials": lambda: sample((), follow_ups=FollowUps(2, 5)),
        "a long list": _long,
        "made late": lambda: sample(at=_AT + timedelta(days=2)),
        "hostile names": lambda: sample([(0.5, _HOSTILE, _HOSTILE, "commercial", 1, _HOSTILE + "long" * 40)]),
    },
)
