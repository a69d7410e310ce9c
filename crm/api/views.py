"""Reading and keeping people and tasks by scripts. While the section is hidden all of it answers 404 (D17)."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import idempotent
from accounts.selectors import account_named
from config.kit.api.inspector import listed
from config.kit.api.permissions import Scope
from config.kit.api.views import ListOperation, Operation
from config.kit.errors import FieldError, Invalid, NotFound
from crm import selectors
from crm.api import examples, shapes
from crm.api.filters import PersonFilter, TaskFilter
from crm.domain.words import TaskStatus
from crm.gate import is_shown
from crm.models import Person, Task
from crm.services.people import person_update
from crm.services.tasks import task_change, task_create, task_move, task_snooze
from licenses.api.fields import accept

TAGS = ["crm"]


class Hidden(Operation):
    """An operation that is there only while the section is; nobody is asked who they are before."""

    required_scope: str = Scope.CRM_READ

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not is_shown():
            self.headers: dict[str, str] = {}  # which methods there would be is nobody's business either
            raise NotFound
        super().initial(request, *args, **kwargs)

    def resolved(self, values: dict[str, Any]) -> dict[str, Any]:
        """Accounts, people and staff as rows, where the body names them. Raises Invalid (400) at their field."""
        found = dict(values)
        if values.get("account"):
            found["account"] = account_named(values["account"], self.principal)
        if values.get("owner"):
            found["owner"] = selectors.staff_named(values["owner"])
        if values.get("person"):
            found["person"] = self._person(values["person"])
        return found

    def _person(self, uid: uuid.UUID) -> Person:
        try:
            return selectors.person_get(uid, self.principal)
        except NotFound as error:
            raise Invalid([FieldError("person", "unknown_person", "There is no such person.")]) from error


@listed(
    operation_id="crm_people_list",
    tags=TAGS,
    summary="List people, newest first",
    responses=shapes.PersonOutput(many=True),
    examples=[examples.PERSON],
)
class PersonList(Hidden, ListOperation):
    required_scope = Scope.CRM_READ
    filterset_class = PersonFilter
    output = shapes.PersonOutput

    def rows(self) -> QuerySet[Person]:
        return selectors.people_for(self.principal)


class PersonRead(Hidden):
    required_scope = Scope.CRM_READ

    @extend_schema(
        operation_id="crm_people_read", tags=TAGS, summary="Read one person",
        description="Of a person who was merged into another, the other one.",
        responses=shapes.PersonWhole, examples=[examples.PERSON_WHOLE],
    )  # fmt: skip
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        return Response(shapes.PersonWhole(selectors.person_get(uid, self.principal)).data)


class PersonUpdate(Hidden):
    required_scope = Scope.CRM_WRITE

    @extend_schema(
        operation_id="crm_people_update", tags=TAGS, summary="Change a person's particulars",
        description="409 `address_taken` when another person has the address.",
        request=shapes.PersonUpdateInput, responses=shapes.PersonOutput, examples=[examples.PERSON],
    )  # fmt: skip
    def patch(self, request: Request, uid: uuid.UUID) -> Response:
        row = selectors.person_get(uid, self.principal)
        changes = self.resolved(accept(shapes.PersonUpdateInput, request))
        row = person_update(person=row, changes=changes, actor=self.principal.actor, at=self.at)
        return Response(shapes.PersonOutput(row).data)


@listed(
    operation_id="crm_tasks_list",
    tags=TAGS,
    summary="List tasks, newest first",
    responses=shapes.TaskOutput(many=True),
    examples=[examples.TASK],
)
class TaskList(Hidden, ListOperation):
    required_scope = Scope.CRM_READ
    filterset_class = TaskFilter
    output = shapes.TaskOutput

    def rows(self) -> QuerySet[Task]:
        return selectors.tasks_for(self.principal)


class TaskCreate(Hidden):
    required_scope = Scope.CRM_WRITE

    @extend_schema(
        operation_id="crm_tasks_create", tags=TAGS, summary="Write down a task",
        request=shapes.TaskCreateInput, responses={201: shapes.TaskOutput}, examples=[examples.TASK],
    )  # fmt: skip
    @idempotent
    def post(self, request: Request) -> Response:
        selectors.tasks_for(self.principal)  # a customer's credentials write nothing here
        values = self.resolved(accept(shapes.TaskCreateInput, request))
        subject = (values.pop("subject_type", ""), values.pop("subject_id", ""))
        row = task_create(**values, subject=subject, actor=self.principal.actor, at=self.at)
        return Response(shapes.TaskOutput(row).data, status=status.HTTP_201_CREATED)


class TaskRead(Hidden):
    required_scope = Scope.CRM_READ

    @extend_schema(
        operation_id="crm_tasks_read", tags=TAGS, summary="Read one task", responses=shapes.TaskOutput,
        examples=[examples.TASK],
    )  # fmt: skip
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        return Response(shapes.TaskOutput(selectors.task_get(uid, self.principal)).data)


class TaskUpdate(Hidden):
    required_scope = Scope.CRM_WRITE

    @extend_schema(
        operation_id="crm_tasks_update", tags=TAGS, summary="Change a task, or put it into another column",
        request=shapes.TaskUpdateInput, responses=shapes.TaskOutput, examples=[examples.TASK],
    )  # fmt: skip
    def patch(self, request: Request, uid: uuid.UUID) -> Response:
        row = selectors.task_get(uid, self.principal)
        changes = self.resolved(accept(shapes.TaskUpdateInput, request))
        row = task_change(task=row, changes=changes, actor=self.principal.actor, at=self.at)
        return Response(shapes.TaskOutput(row).data)


class TaskComplete(Hidden):
    required_scope = Scope.CRM_WRITE

    @extend_schema(
        operation_id="crm_tasks_complete", tags=TAGS, summary="A task is done",
        description="Calling it again changes nothing.", request=None, responses=shapes.TaskOutput,
        examples=[examples.TASK],
    )  # fmt: skip
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        row = selectors.task_get(uid, self.principal)
        row = task_move(task=row, to=TaskStatus.DONE, actor=self.principal.actor, at=self.at)
        return Response(shapes.TaskOutput(row).data)


class TaskSnooze(Hidden):
    required_scope = Scope.CRM_WRITE

    @extend_schema(
        operation_id="crm_tasks_snooze", tags=TAGS, summary="Put a task off until a day to come",
        description="409 `task_ended` for one that is done or dropped.", request=shapes.SnoozeInput,
        responses=shapes.TaskOutput, examples=[examples.TASK],
    )  # fmt: skip
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        row = selectors.task_get(uid, self.principal)
        row = task_snooze(
            task=row, **accept(shapes.SnoozeInput, request), actor=self.principal.actor, at=self.at
        )
        return Response(shapes.TaskOutput(row).data)
