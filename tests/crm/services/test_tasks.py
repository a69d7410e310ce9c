"""Tasks as people handle them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.kit.errors import Invalid
from crm.errors import TaskEnded
from crm.models import Task
from crm.selectors import tasks_in
from crm.services.tasks import task_change, task_create, task_move, task_snooze, task_update
from history.models import Event

pytestmark = pytest.mark.django_db
BY = {"actor": "user:1"}
DAY = timedelta(days=1)


def shown(state, day) -> int:
    return tasks_in(Task.objects.all(), state, day).count()


def test_a_task_goes_through_its_columns_with_one_event_a_move(make_task, at):
    row = make_task()
    for to in ("in_progress", "in_progress", "done", "open", "dropped"):
        row = task_move(task=row, to=to, **BY, at=at)
    assert (row.status, row.ended_by, row.ended_at) == ("dropped", "user:1", at)
    moves = Event.objects.filter(kind="task.changed").order_by("pk").values_list("data__to", flat=True)
    assert list(moves) == ["in_progress", "done", "open", "dropped"]


def test_what_is_put_off_is_out_of_the_way_until_its_day(make_task, at):
    row, day = make_task(), at.date()
    task_snooze(task=row, until=day + 3 * DAY, **BY, at=at)
    assert [shown(state, day) for state in ("todo", "open", "snoozed", "all")] == [0, 0, 1, 1]
    assert [shown(state, day + 3 * DAY) for state in ("todo", "open", "snoozed")] == [1, 1, 0]
    with pytest.raises(Invalid):
        task_snooze(task=row, until=day, **BY, at=at)
    task_move(task=row, to="done", **BY, at=at)
    with pytest.raises(TaskEnded):
        task_snooze(task=row, until=day + DAY, **BY, at=at)


def test_changing_a_task_is_one_event_and_the_same_again_is_none(make_task, superadmin, at):
    row = make_task()
    for _ in range(2):
        task_update(task=row, changes={"owner": superadmin, "next_action": "Write"}, **BY, at=at)
    assert Event.objects.get(kind="task.changed").data == {"fields": ["next_action", "owner"]}
    row = task_change(task=row, changes={"title": "Call", "status": "done"}, **BY, at=at)
    assert (row.title, row.status) == ("Call", "done")


@pytest.mark.parametrize("given", [{"title": " "}, {"title": "x" * 201}, {"title": "x", "mood": "good"}])
def test_a_task_that_says_nothing_is_refused(at, db, given):
    with pytest.raises(Invalid):
        task_create(**given, **BY, at=at)
