"""The board: tasks in columns by status, fifty cards each at most, moved by buttons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from config.kit.admin import COUNT_LIMIT
from config.kit.clock import now
from config.kit.display import page_of
from crm.admin.display import due_label, kind_label, whom_label
from crm.admin.moves import Move, moves_of
from crm.models import Task
from crm.selectors import tasks_in

COLUMNS = (
    ("open", "Open"), ("in_progress", "In progress"), ("snoozed", "Put off"), ("done", "Done"), ("dropped", "Dropped"),
)  # fmt: skip
ENDED = ("done", "dropped")
MOST = 50


@dataclass(frozen=True, slots=True)
class Card:
    """One task, its address and where it can go."""

    row: Task
    url: str
    kind: SafeString
    due: SafeString | str
    whom: SafeString | str
    moves: list[Move]
    move_url: str


@dataclass(frozen=True, slots=True)
class Column:
    """One state with its tasks: what is due first, ended ones newest first."""

    slug: str
    title: str
    count: str
    url: str
    cards: list[Card]
    has_more: bool


def board_view(request: HttpRequest, *, may_move: bool) -> HttpResponse:
    """The board, of everybody or, with `?owner=me`, of who looks."""
    return require_safe(_board)(request, may_move)


def _board(request: HttpRequest, may_move: bool) -> HttpResponse:  # noqa: FBT001 - from board_view alone
    mine = request.GET.get("owner") == "me"
    rows = Task.objects.filter(owner=request.user.pk) if mine else Task.objects.all()
    today = now().date()
    columns = [_column(rows, slug, title, today, mine=mine, may_move=may_move) for slug, title in COLUMNS]
    board = reverse("admin:crm_task_board")
    context = {
        **admin.site.each_context(request),
        "title": "Task board",
        "content_title": "Task board",
        "columns": columns,
        "is_empty": not any(column.cards for column in columns),
        "mine": mine,
        "list_url": _list_url("todo", mine=mine),
        "all_url": board,
        "mine_url": f"{board}?owner=me",
        "here": request.get_full_path(),
    }
    return TemplateResponse(request, "admin/crm/task_board.html", context)


def _column(
    rows: QuerySet[Task], slug: str, title: str, today: date, *, mine: bool, may_move: bool
) -> Column:
    mine_rows = tasks_in(rows, slug, today)
    order = ("-pk",) if slug in ENDED else ("due_on", "-pk")
    found = list(mine_rows.select_related("owner", "account", "person").order_by(*order)[: MOST + 1])
    has_more = len(found) > MOST
    return Column(
        slug=slug,
        title=title,
        count=_counted(mine_rows) if has_more else f"{len(found):,}",
        url=_list_url(slug, mine=mine),
        cards=[_card(row, today, may_move=may_move) for row in found[:MOST]],
        has_more=has_more,
    )


def _counted(rows: QuerySet[Any]) -> str:
    number = rows.order_by()[: COUNT_LIMIT + 1].count()
    return f"{number:,}" if number <= COUNT_LIMIT else f"more than {COUNT_LIMIT:,}"


def _list_url(state: str, *, mine: bool) -> str:
    filters = {"state": state, **({"owner": "me"} if mine else {})}
    return f"{reverse('admin:crm_task_changelist')}?{urlencode(filters)}"


def _card(row: Task, today: date, *, may_move: bool) -> Card:
    return Card(
        row=row,
        url=page_of(row),
        kind=kind_label(row),
        due=due_label(row, today),
        whom=whom_label(row) if row.person or row.account else "",
        moves=moves_of(row) if may_move else [],
        move_url=reverse("admin:crm_task_move", args=[row.pk]),
    )
