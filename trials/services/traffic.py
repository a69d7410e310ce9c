"""Anonymous visits: counted by day and source, never attached to a person (A24)."""

from __future__ import annotations

from datetime import date, datetime

from django.db import connection, transaction
from django.db.models import F

from trials.domain.touches import Touch
from trials.models import TrafficDay

MOST_SOURCES = 2_000
"""Different sources of one day that get a row; what comes beyond is counted as `other`."""
OTHER = "other"


def visit_count(*, touch: Touch, at: datetime) -> None:
    """Count one visit. Nothing of the visitor is kept: no address, no cookie, no agent.

    Source names come from outside: a day has at most `MOST_SOURCES` rows, so that nobody fills the table.
    """
    names = {"source": touch.source, "medium": touch.medium, "campaign": touch.campaign}
    day = at.date()
    if _added(day, names, at):
        return
    if TrafficDay.objects.filter(day=day).count() >= MOST_SOURCES:
        names = {"source": OTHER, "medium": "", "campaign": ""}
    with transaction.atomic():
        if connection.features.supports_ignore_conflicts:
            TrafficDay.objects.bulk_create(
                [TrafficDay(day=day, **names, updated_at=at)], ignore_conflicts=True
            )
        else:
            TrafficDay.objects.get_or_create(day=day, **names, defaults={"updated_at": at})
        _added(day, names, at)


def _added(day: date, names: dict[str, str], at: datetime) -> bool:
    rows = TrafficDay.objects.filter(day=day, **names)
    return bool(rows.update(visits=F("visits") + 1, updated_at=at))
