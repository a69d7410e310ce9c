"""What the clock alone brings about: a day of visits that is over (A24).

It is told to history once, and the reader makes the task of it: so reading history again makes the same task.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Sum

from history.domain.kinds import Kind
from history.models import Event
from history.services import NewEvent, record_many
from trials.models import TrafficDay

ACTOR = "system:crm"
WINDOW = timedelta(days=31)
"""How many days a run looks back: so long may beat stand still and no day is left out."""


def traffic_count(*, at: datetime) -> int:
    """Tell history of every day with visits that is over and was not told yet; return how many. Safe to repeat."""
    today = at.date()
    days = TrafficDay.objects.filter(day__lt=today, day__gte=today - WINDOW).order_by("day")
    counted = {
        f"traffic:{day.isoformat()}": (visits, sources)
        for day, visits, sources in days.values_list("day").annotate(Sum("visits"), Count("pk"))
    }
    events = [
        NewEvent(
            kind=Kind.TRAFFIC_COUNTED, subject=subject, actor=ACTOR, at=at,
            data={"visits": visits, "sources": sources},
        )
        for subject, (visits, sources) in counted.items()
    ]  # fmt: skip
    return _tell_once(events)


def _tell_once(events: Iterable[NewEvent]) -> int:
    """Two runs at once may both tell: the task of it is made once all the same."""
    wanted = {(event.kind, event.subject): event for event in events}
    with transaction.atomic():
        rows = Event.objects.filter(
            kind__in={kind for kind, _ in wanted}, subject__in=[subject for _, subject in wanted]
        )
        told = set(rows.values_list("kind", "subject"))
        fresh = [event for key, event in wanted.items() if key not in told]
        return record_many(fresh) if fresh else 0
