"""The funnel (A28): from visits to conversions by where people came from, as a chart, a table and a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from config.kit.clock import now
from config.kit.csv import csv_response
from trials.admin.filters import stage_lists
from trials.domain.funnel import Key, Line, Stage, share, totals
from trials.funnel import funnel
from trials.models import TrialProgram

PERIODS = {"30": "Last 30 days", "90": "Last 90 days", "year": "This year", "dates": "Dates of your own"}
LABELS = {
    Stage.VISITS: "Visits",
    Stage.REQUESTS: "Requests",
    Stage.ISSUED: "Issued",
    Stage.INSTALLED: "Installed",
    Stage.ACTIVE: "Active",
    Stage.PILOT_READY: "Pilot-ready",
    Stage.CONVERTED: "Converted",
}
MOST_LINES = 500
EARLIEST = date(2000, 1, 1)
BACKWARDS = "The last day lies before the first: turn them round."
NO_DATES = "Give the first and the last day of the period."


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the page counts: days from the first to the last, both included, in UTC."""

    period: str
    first: date
    last: date
    program: TrialProgram | None
    problem: str = ""

    @property
    def lines(self) -> list[Line]:
        since, until = (
            datetime(on.year, on.month, on.day, tzinfo=UTC)
            for on in (self.first, self.last + timedelta(days=1))
        )
        return funnel(since=since, until=until, program=self.program)

    def lists(self, request: HttpRequest, key: Key | None = None) -> dict[Stage, str]:
        """The list behind each number, for who may see it; of one line, or of all."""
        found = stage_lists(first=self.first, last=self.last, program=self.program, key=key)
        sees_requests = request.user.has_perm("trials.view_trialrequest")
        return {stage: url for stage, url in found.items() if sees_requests or stage != Stage.REQUESTS}

    @property
    def query(self) -> str:
        given = {"period": self.period, "from": self.first, "to": self.last}
        return urlencode({**given, "program": self.program.slug if self.program else ""})


@dataclass(frozen=True, slots=True)
class Bar:
    """One stage of the chart: `width` of 100, and its share of the stage before."""

    name: str
    count: str
    width: float
    share: str
    url: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of the table, its share of the stage before, and the list behind it."""

    count: str
    share: str
    url: str


def funnel_path(page: Any) -> URLPattern:
    """The route of the page, beside the list of trials."""

    def view(request: HttpRequest) -> HttpResponseBase:
        if not page.has_view_permission(request):
            raise PermissionDenied
        return require_safe(_funnel)(request)

    return path("funnel/", admin.site.admin_view(view), name="trials_trial_funnel")


def _funnel(request: HttpRequest) -> HttpResponseBase:
    chosen = chosen_of(request.GET, now().astimezone(UTC).date())
    lines = [] if chosen.problem else chosen.lines
    if request.GET.get("format") == "csv" and not chosen.problem:
        header = ["Source", "Medium", "Campaign", *LABELS.values()]
        return csv_response(f"funnel-{chosen.first}-{chosen.last}.csv", header, _rows(lines))
    sums, lists = totals(lines), chosen.lists(request)
    context = {
        **admin.site.each_context(request),
        "title": "Funnel",
        "content_title": "Funnel",
        "chosen": chosen,
        "periods": PERIODS.items(),
        "programs": TrialProgram.objects.order_by("name"),
        "bars": _bars(sums, lists),
        "labels": list(LABELS.values()),
        "lines": [
            (line, _cells(line.counts, chosen.lists(request, line.key))) for line in lines[:MOST_LINES]
        ],
        "more": len(lines) - MOST_LINES if len(lines) > MOST_LINES else 0,
        "sums": _cells(sums, lists),
        "file": f"?{chosen.query}&format=csv",
    }
    return TemplateResponse(request, "admin/signet/funnel.html", context)


def chosen_of(query: Mapping[str, str], today: date) -> Chosen:
    """What was asked for; anything that cannot be read counts the last 30 days, or says what is missing."""
    period = query.get("period", "30")
    period = period if period in PERIODS else "30"
    program = TrialProgram.objects.filter(slug=query.get("program", "").replace("\0", "")[:63]).first()
    if period == "dates":
        first, last = _day(query.get("from", ""), today), _day(query.get("to", ""), today)
        if first is None or last is None:
            return Chosen(period, today - timedelta(days=29), today, program, NO_DATES)
        return Chosen(period, first, last, program, BACKWARDS if last < first else "")
    first = today.replace(month=1, day=1) if period == "year" else today - timedelta(days=int(period) - 1)
    return Chosen(period, first, today, program)


def _day(text: str, today: date) -> date | None:
    """A day within what may be counted: nothing is older than the product, and nothing is of the future."""
    with suppress(ValueError):
        return min(max(date.fromisoformat(text), EARLIEST), today)
    return None


def _bars(sums: Mapping[Stage, int], lists: Mapping[Stage, str]) -> list[Bar]:
    most = max(sums.values(), default=0) or 1
    return [
        Bar(
            LABELS[stage],
            f"{sums[stage]:,}",
            100 * sums[stage] / most,
            _share(sums, stage),
            lists.get(stage, ""),
        )
        for stage in Stage
    ]


def _share(counts: Mapping[Stage, int], stage: Stage) -> str:
    part = share(counts, stage)
    return "" if part is None else f"{part:.0%}"


def _cells(counts: Mapping[Stage, int], lists: Mapping[Stage, str]) -> list[Cell]:
    return [
        Cell(f"{counts[stage]:,}", _share(counts, stage), lists.get(stage, "") if counts[stage] else "")
        for stage in Stage
    ]


def _rows(lines: list[Line]) -> Iterator[list[Any]]:
    for line in lines:
        yield [line.source, line.medium, line.campaign, *(line.counts[stage] for stage in Stage)]
