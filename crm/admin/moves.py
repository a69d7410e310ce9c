"""Moving a task between the columns of the board, by buttons that post: they work without scripts."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from config.kit.display import page_of
from crm.domain.words import TaskStatus
from crm.models import Task


@dataclass(frozen=True, slots=True)
class Move:
    """A button: what it does to a task, and what is said afterwards."""

    to: str
    title: str
    icon: str
    said: str


MOVES = {
    move.to: move
    for move in (
        Move(TaskStatus.IN_PROGRESS.value, "Start", "play_arrow", "in progress"),
        Move(TaskStatus.DONE.value, "Done", "check", "done"),
        Move(TaskStatus.DROPPED.value, "Drop", "close", "dropped"),
        Move(TaskStatus.OPEN.value, "Open again", "undo", "open again"),
    )
}


def moves_of(row: Task) -> list[Move]:
    """The columns that a task can go to."""
    if row.is_ongoing:
        return [move for move in MOVES.values() if move.to != row.status]
    return [MOVES[TaskStatus.OPEN.value]]


def back_of(request: HttpRequest, row: Task) -> str:
    """Where the button was pressed, when that is a page of ours; else the page of the task."""
    wanted = request.POST.get("next", "")
    return wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) else page_of(row)
