"""Reading the funnel (A28): four grouped statements, however many trials there are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Count, DateTimeField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate

from licenses.models import InstallationDay
from trials.domain.funnel import Key, Line, Stage, lines
from trials.models import TrafficDay, Trial, TrialProgram, TrialRequest
from trials.searching import TOUCH, touch_text

# A license may serve one trial after the other: only what was heard while this one ran is its own.
_ANOTHER_DAY = InstallationDay.objects.filter(
    installation__license=OuterRef("license"),
    day__gt=TruncDate(ExpressionWrapper(OuterRef("first_beat_at"), output_field=DateTimeField())),
    day__lte=TruncDate(Coalesce(OuterRef("ended_at"), OuterRef("ends_at"), output_field=DateTimeField())),
)
STAGES: tuple[tuple[Stage, Q], ...] = (
    (Stage.ISSUED, Q()),
    (Stage.INSTALLED, Q(first_beat_at__isnull=False)),
    # heard on more than the day of its installation, or further
    (Stage.ACTIVE, Q(Exists(_ANOTHER_DAY)) | Q(ready_at__isnull=False)),
    (Stage.PILOT_READY, Q(ready_at__isnull=False)),
    (Stage.CONVERTED, Q(outcome=Trial.Outcome.CONVERTED)),
)


def funnel(*, since: datetime, until: datetime, program: TrialProgram | None = None) -> list[Line]:
    """Lines by first touch for [since, until): visits of those days, requests made and trials begun in it.

    A trial counts in the period in which it began, whatever became of it later.
    """
    return lines(_found(since, until, program))


def _found(
    since: datetime, until: datetime, program: TrialProgram | None
) -> Iterator[tuple[Stage, Key, int]]:
    days = TrafficDay.objects.filter(day__gte=since.date(), day__lt=until.date())
    for *key, visits in days.values_list("source", "medium", "campaign").annotate(Sum("visits")):
        yield Stage.VISITS, (key[0], key[1], key[2]), visits
    requests: Any = TrialRequest.objects.filter(created_at__gte=since, created_at__lt=until)
    yield from _grouped(Stage.REQUESTS, requests if program is None else requests.filter(program=program))
    trials: Any = Trial.objects.filter(started_at__gte=since, started_at__lt=until)
    trials = trials if program is None else trials.filter(program=program)
    for stage, reached in STAGES:
        yield from _grouped(stage, trials_reaching(trials, stage) if reached else trials)


def trials_reaching(rows: QuerySet[Trial], stage: Stage) -> QuerySet[Trial]:
    """Those of some trials that reached a stage: what a number of the funnel leads to."""
    return rows.filter(dict(STAGES)[stage])


def _grouped(stage: Stage, rows: QuerySet[Any]) -> Iterator[tuple[Stage, Key, int]]:
    texts = {f"touch_{part}": touch_text(part) for part in TOUCH}
    found = rows.annotate(**texts).values_list(*texts).annotate(Count("pk")).order_by()
    for source, medium, campaign, count in found:
        yield stage, (source, medium, campaign), count
