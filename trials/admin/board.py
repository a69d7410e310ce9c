"""The board: running trials in columns by engagement, fifty cards each at most (A19)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from config.kit.admin import COUNT_LIMIT
from config.kit.clock import now
from config.kit.display import page_of
from licenses.models import Installation
from trials.admin.display import (
    ATTENTION_MEANS,
    MEANS,
    Engagement,
    ago,
    attention_label,
    engagement_label,
    left_label,
)
from trials.admin.evidence_pages import list_url as evidence_url
from trials.admin.parts import Dialog
from trials.domain.evidence.words import StageName
from trials.evidence_lists import LATE_DAYS, Standing, follow_ups_late
from trials.models import Trial

COLUMNS = (
    Engagement.REQUESTED,
    Engagement.STUCK,
    Engagement.ACTIVE,
    Engagement.DORMANT,
    Engagement.PILOT_READY,
)
ENDED = (Engagement.CONVERTED, Engagement.LOST, Engagement.EXPIRED)
MOST = 50


@dataclass(frozen=True, slots=True)
class Card:
    """One trial, its address and what can be pressed on it."""

    row: Trial
    url: str
    left: SafeString
    attention: SafeString | str
    heard: str
    nudged: str
    buttons: list[tuple[Dialog, str]]


@dataclass(frozen=True, slots=True)
class Column:
    """One engagement with its newest trials."""

    label: SafeString
    slug: str
    means: str
    count: str
    url: str
    cards: list[Card]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Look:
    """Who looks at the board, through which admin, and when."""

    page: Any
    request: HttpRequest
    at: datetime


def list_url(engagement: str) -> str:
    """The list of the trials of a column."""
    return _list(engagement__exact=engagement)


def _list(**filters: str) -> str:
    return f"{reverse('admin:trials_trial_changelist')}?{urlencode(filters)}"


def _waiting() -> Iterator[tuple[str, str, str, str]]:
    """What waits for somebody, with its list; nothing where nothing does."""
    for attention in Trial.Attention:
        number = _number(Trial.objects.filter(attention=attention))
        if number != "0":
            yield (
                ATTENTION_MEANS[attention],
                attention.label.lower(),
                number,
                _list(attention__exact=attention),
            )


def _overdue(request: HttpRequest, at: datetime) -> Iterator[tuple[str, str, str, str]]:
    """Follow-ups that are late, for who may see evidence (B17)."""
    number = _number(follow_ups_late(at)) if request.user.has_perm("trials.view_evidencepackage") else "0"
    if number != "0":
        means = f"Ended, and the follow-up is still blocked after {LATE_DAYS} days."
        yield means, "follow-up late", number, evidence_url(StageName.FOLLOW_UP, Standing.LATE)


def counted(engagement: str) -> str:
    """How many trials there are, exactly up to a bound."""
    return _number(Trial.objects.filter(engagement=engagement))


def _number(rows: QuerySet[Any]) -> str:
    number = rows.order_by()[: COUNT_LIMIT + 1].count()
    return f"{number:,}" if number <= COUNT_LIMIT else f"more than {COUNT_LIMIT:,}"


def board_view(page: Any, request: HttpRequest) -> HttpResponse:
    """The board, for who may see trials."""
    if not page.has_view_permission(request):
        raise PermissionDenied
    return require_safe(_board)(request, page)


def _board(request: HttpRequest, page: Any) -> HttpResponse:
    look = Look(page, request, now())
    found = {engagement: _trials(engagement) for engagement in COLUMNS}
    heard = last_beats([row for rows in found.values() for row in rows[:MOST]])
    context = {
        **admin.site.each_context(request),
        "title": "Trial board",
        "content_title": "Trial board",
        "columns": [_column(look, engagement, rows, heard) for engagement, rows in found.items()],
        "ended": [
            (
                MEANS[engagement],
                Engagement(engagement).label.lower(),
                counted(engagement),
                list_url(engagement),
            )
            for engagement in ENDED
        ],
        "waiting": [*_overdue(request, look.at), *_waiting()],
        "list_url": reverse("admin:trials_trial_changelist"),
        "is_empty": not any(found.values()),
    }
    return TemplateResponse(request, "admin/signet/trial_board.html", context)


def _trials(engagement: str) -> list[Trial]:
    rows = Trial.objects.select_related("account", "program").filter(engagement=engagement)
    return list(rows.order_by("-id")[: MOST + 1])


def last_beats(rows: list[Trial]) -> dict[int, datetime]:
    """When the license of each trial was last heard, in one query; what was heard before it began counts not."""
    seen = Installation.objects.filter(license__in=[row.license_id for row in rows], set_aside_at=None)
    by_license = dict(seen.order_by().values_list("license").annotate(Max("last_seen_at")))
    return {
        row.pk: last
        for row in rows
        if (last := by_license.get(row.license_id)) is not None and last >= row.started_at
    }


def _column(look: Look, engagement: str, rows: list[Trial], heard: dict[int, datetime]) -> Column:
    has_more = len(rows) > MOST
    return Column(
        label=engagement_label(Trial(engagement=engagement)),
        slug=str(engagement),
        means=MEANS[Engagement(engagement)],
        count=counted(engagement) if has_more else f"{len(rows):,}",
        url=list_url(engagement),
        cards=[_card(look, row, heard.get(row.pk)) for row in rows[:MOST]],
        has_more=has_more,
    )


def _card(look: Look, row: Trial, heard: datetime | None) -> Card:
    back = urlencode({"next": reverse("admin:trials_trial_board")})
    return Card(
        row=row,
        url=page_of(row),
        left=left_label(row, look.at),
        attention=attention_label(row),
        heard=ago(heard, look.at),
        nudged=ago(row.nudged_at, look.at, none=""),
        buttons=[
            (dialog, f"{url}?{back}") for dialog, url in look.page.buttons(look.request, row, on_card=True)
        ],
    )
