"""What may be done with several tasks of the list at once; each task for itself, by the service of its own page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import action

from config.kit import actors
from config.kit.clock import now
from crm.admin.task_dialogs import MANAGE
from crm.domain.words import TaskStatus
from crm.models import Task
from crm.services.tasks import task_move, task_snooze, task_update
from licenses.admin.people import staff

WEEK = timedelta(days=7)


class TaskBulk:
    """Mixed into the admin of tasks."""

    actions = ("take_chosen", "finish_chosen", "drop_chosen", "put_off_chosen")
    done_with_each: Any

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MANAGE)

    @action(description="Assign to me", permissions=["manage"])  # type: ignore[untyped-decorator] # unfold ships no types
    def take_chosen(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        me = {"owner": staff(request)}
        self.done_with_each(
            request, queryset, lambda row: task_update(task=row, changes=me, **_by(request)),
            said="assigned to you.", refused="not assigned",
        )  # fmt: skip

    @action(description="Done", permissions=["manage"])  # type: ignore[untyped-decorator] # as above
    def finish_chosen(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        self._move(request, queryset, TaskStatus.DONE, "done.")

    @action(description="Drop", permissions=["manage"])  # type: ignore[untyped-decorator] # as above
    def drop_chosen(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        self._move(request, queryset, TaskStatus.DROPPED, "dropped.")

    @action(description="Put off for a week", permissions=["manage"])  # type: ignore[untyped-decorator] # as above
    def put_off_chosen(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        until = now().date() + WEEK
        self.done_with_each(
            request, queryset, lambda row: task_snooze(task=row, until=until, **_by(request)),
            said=f"put off until {until:%Y-%m-%d}.", refused="not put off",
        )  # fmt: skip

    def _move(self, request: HttpRequest, queryset: QuerySet[Task], to: TaskStatus, said: str) -> None:
        self.done_with_each(
            request, queryset, lambda row: task_move(task=row, to=to, **_by(request)), said=said,
            refused="not moved",
        )  # fmt: skip


def _by(request: HttpRequest) -> dict[str, Any]:
    return {"actor": actors.user(request.user), "at": now()}
