"""Who gets tasks of a kind, and how long there is for them: edited by who may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest

from config.kit.admin import ReadOnlyAdmin
from config.kit.display import label
from config.kit.forms import posted
from crm.admin.forms import RuleForm
from crm.admin.guard import SectionGuard
from crm.domain.texts import NEXT
from crm.domain.words import TaskKind
from crm.models import TaskRule
from crm.services.tasks import task_rule_change
from trials.admin.page import DialogPage
from trials.admin.parts import Asked, Dialog, needs


def _form(asked: Asked) -> RuleForm:
    return RuleForm(posted(asked.request), rule=asked.row)


def _change(asked: Asked, data: Mapping[str, Any]) -> str:
    task_rule_change(
        rule=asked.row, owner=data["owner"], due_days=data["due_days"] or 0, active=data["active"],
        actor=asked.actor, at=asked.at,
    )  # fmt: skip
    return "Saved. Tasks that are there stay as they are."


DIALOGS = (
    Dialog(
        slug="edit", title="Edit", icon="edit", order=10, allowed=needs("crm.change_taskrule"), act=_change,
        form=_form, submit="Save", says=lambda _asked: (),
    ),
)  # fmt: skip


@admin.register(TaskRule)
class TaskRuleAdmin(SectionGuard, DialogPage, ReadOnlyAdmin):
    page_template = "admin/crm/rule.html"
    list_display = ("kind_shown", "active_shown", "owner_shown", "due_shown")
    list_select_related = ("owner",)
    ordering = ("pk",)

    @display(description="Tasks")
    def kind_shown(self, row: TaskRule) -> str:
        return str(row)

    @display(description="Made")
    def active_shown(self, row: TaskRule) -> Any:
        return label("yes", "success") if row.active else label("no")

    @display(description="Owner, where the account has none")
    def owner_shown(self, row: TaskRule) -> str:
        return str(row.owner) if row.owner else "nobody"

    @display(description="Due after")
    def due_shown(self, row: TaskRule) -> str:
        return f"{row.due_days} day{'' if row.due_days == 1 else 's'}"

    def page_dialogs(self) -> Sequence[Dialog]:
        return DIALOGS

    def page_title(self, row: TaskRule) -> str:
        return f"Tasks: {str(row).lower()}"

    def page_rows(self) -> QuerySet[TaskRule]:
        return TaskRule.objects.select_related("owner")

    def page_context(self, request: HttpRequest, row: TaskRule) -> dict[str, Any]:
        return {
            "labels": [self.active_shown(row)],
            "facts": [
                ("Owner", "who looks after the account"),
                ("Else", self.owner_shown(row)),
                ("Due after", self.due_shown(row)),
                ("Next action", NEXT.get(TaskKind(row.kind), "-")),
            ],
        }
