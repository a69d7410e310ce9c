"""The buttons of a task's page that open a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.kit.forms import posted
from crm.admin.forms import AssignForm, SnoozeForm, TaskForm
from crm.models import Task
from crm.services.tasks import task_snooze, task_update
from trials.admin.parts import Asked, Dialog, needs

MANAGE = "crm.manage_tasks"


def is_ongoing(row: Task) -> bool:
    return row.is_ongoing


def _edit_form(asked: Asked) -> TaskForm:
    return TaskForm(posted(asked.request), task=asked.row)


def _edit(asked: Asked, _data: Mapping[str, Any]) -> str:
    form = _edit_form(asked)
    form.full_clean()
    task_update(task=asked.row, changes=form.changes(), actor=asked.actor, at=asked.at)
    return "Saved."


def _assign(asked: Asked, data: Mapping[str, Any]) -> str:
    task_update(task=asked.row, changes=data, actor=asked.actor, at=asked.at)
    return f"Assigned to {data['owner'] or 'nobody'}."


def _snooze(asked: Asked, data: Mapping[str, Any]) -> str:
    task_snooze(task=asked.row, until=data["until"], actor=asked.actor, at=asked.at)
    return f"Put off until {data['until']:%Y-%m-%d}."


DIALOGS = (
    Dialog(
        slug="assign", title="Assign", icon="person_add", order=10, allowed=needs(MANAGE), act=_assign,
        form=lambda asked: AssignForm(posted(asked.request), task=asked.row), fits=is_ongoing,
        says=lambda _asked: (), on_card=True,
    ),
    Dialog(
        slug="snooze", title="Put off", icon="snooze", order=20, allowed=needs(MANAGE), act=_snooze,
        form=lambda asked: SnoozeForm(posted(asked.request)), fits=is_ongoing, submit="Put off",
        says=lambda _asked: (), on_card=True,
    ),
    Dialog(
        slug="edit", title="Edit", icon="edit", order=30, allowed=needs(MANAGE), act=_edit, form=_edit_form,
        submit="Save", says=lambda _asked: (),
    ),
)  # fmt: skip
