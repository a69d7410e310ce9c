"""The pages over all evidence: what waits for an approver, how far every stage is, and what ended silently."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from config.kit.admin import COUNT_LIMIT
from config.kit.clock import now
from config.kit.display import instant, page_of
from licenses.admin.people import names_of
from trials.admin.display import ago
from trials.domain.evidence.stages import STAGES
from trials.domain.evidence.words import StageName
from trials.evidence_lists import (
    LATE_DAYS,
    Standing,
    expired_without_follow_up,
    standing_as,
    waiting_for_approval,
)
from trials.models import EvidencePackage

MOST = 50
LONGEST_NUMBER = 6
COLUMNS = {
    Standing.LATE: "Late",
    Standing.BLOCKED: "Blocked",
    Standing.WAITING: "Wait for an approver",
    Standing.REJECTED: "Rejected",
    Standing.APPROVED: "Approved",
}


def list_url(stage: StageName, standing: Standing) -> str:
    """The list behind a number of the board."""
    query = urlencode({"stage__exact": stage.value, "standing": standing.value})
    return f"{reverse('admin:trials_evidencepackage_changelist')}?{query}"


def board_page(request: HttpRequest, _page: Any) -> HttpResponse:
    """Readiness: stages by standings, each number with the list behind it, what is late first."""
    at = now()
    lines = [
        (
            stage,
            [
                (standing.value, _number(stage.name, standing, at), list_url(stage.name, standing))
                for standing in COLUMNS
            ],
        )
        for stage in STAGES.values()
    ]
    context = {"columns": list(COLUMNS.values()), "lines": lines, "days": LATE_DAYS}
    return _answer(request, "Readiness", "admin/signet/evidence_board.html", context)


def _number(stage: StageName, standing: Standing, at: Any) -> str:
    rows = standing_as(EvidencePackage.objects.filter(stage=stage), standing, at)
    number = rows.order_by()[: COUNT_LIMIT + 1].count()
    return f"{number:,}" if number <= COUNT_LIMIT else f"more than {COUNT_LIMIT:,}"


def inbox_page(request: HttpRequest, page: Any) -> HttpResponse:
    """What waits for an approver, oldest first. Who wrote it is told why there is no button."""
    rows = list(waiting_for_approval()[: MOST + 1])
    at, names = now(), names_of(row.author for row in rows)
    back = urlencode({"next": reverse("admin:trials_evidencepackage_inbox")})
    cards = [
        {
            "row": row,
            "stage": STAGES[StageName(row.stage)].title,
            "url": page_of(row),
            "author": names[row.author],
            "waits": ago(row.changed_at, at),
            "buttons": [
                (dialog, f"{url}?{back}")
                for dialog, url in page.buttons(request, row)
                if dialog.slug == "decide"
            ],
            "wrote": page.wrote(request, row),
        }
        for row in rows[:MOST]
    ]
    context = {
        "cards": cards, "has_more": len(rows) > MOST, "approves": request.user.has_perm("trials.approve_evidence"),
    }  # fmt: skip
    return _answer(request, "Approver's inbox", "admin/signet/evidence_inbox.html", context)


def silent_page(request: HttpRequest, _page: Any) -> HttpResponse:
    """Trials that ended without a follow-up, and follow-ups that are blocked for long (B17)."""
    at, number = now(), _page_number(request)
    start = (number - 1) * MOST
    rows = list(expired_without_follow_up(at)[start : start + MOST + 1])
    newest = {
        row.trial_id: row
        for row in EvidencePackage.objects.filter(
            trial__in=[row.pk for row in rows], stage=StageName.FOLLOW_UP, latest=True
        )
    }
    lines = [
        {
            "row": row,
            "url": page_of(row),
            "ended": instant(row.ended_at or row.ends_at),
            "follow_up": newest.get(row.pk),
            "evidence": page_of(newest[row.pk]) if row.pk in newest else "",
        }
        for row in rows[:MOST]
    ]
    context = {
        "lines": lines, "days": LATE_DAYS, "before": number - 1, "after": number + 1 if len(rows) > MOST else 0,
    }  # fmt: skip
    return _answer(request, "Expired without follow-up", "admin/signet/evidence_silent.html", context)


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("p", "")
    return max(int(text), 1) if text.isdecimal() and len(text) <= LONGEST_NUMBER else 1


def _answer(request: HttpRequest, title: str, template: str, context: dict[str, Any]) -> HttpResponse:
    shown = {**admin.site.each_context(request), "title": title, "content_title": title, **context}
    return TemplateResponse(request, template, shown)
