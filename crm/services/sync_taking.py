"""Values of an outside CRM on their way into our rows: each through the service that staff use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import transaction

from accounts.models import Account
from accounts.services.accounts import account_update
from config.kit import actors
from config.kit.errors import Refusal
from config.kit.locks import referable
from crm.domain.sync.fields import ObjectKind
from crm.domain.sync.payloads import status_read
from crm.domain.words import TaskStatus
from crm.models import Connection, Person, SyncConflict, Task
from crm.services.people import person_update
from crm.services.tasks import task_change
from crm.sync_errors import NotTaken
from crm.sync_facts import facts_of, names_split, text_alone

ACTOR = actors.system("crm-sync")
NAME = {"first_name", "last_name"}
"""The two are one column here."""
PARTICULARS = ("phone", "job_title", "company")
MODELS: dict[ObjectKind, Any] = {
    ObjectKind.COMPANY: Account,
    ObjectKind.PERSON: Person,
    ObjectKind.TASK: Task,
}
CUT = SyncConflict._meta.get_field("theirs").max_length or 0
"""What is as long as this was cut when it was kept, and is no whole value."""

log = structlog.get_logger(__name__)


def values_take(
    *,
    connection: Connection,
    kind: ObjectKind,
    object_id: int,
    values: Mapping[str, Any],
    planned: Mapping[str, Any] | None = None,
    at: datetime,
) -> set[str]:
    """Write values by our names into an object of ours; return the names of those that stand here now.

    Left out is what our rules refuse, and what is another here by now than the facts that it was `planned` on.
    Where there is no object any more nothing can be lost: all are said to stand.
    """
    with transaction.atomic():
        row = referable(MODELS[kind].objects.filter(pk=object_id)).first()
        facts = facts_of(connection, kind, [object_id]).get(object_id)
        if row is None or facts is None:
            return set(values)
        same = {n for n in values if planned is None or planned.get(n) == facts.values.get(n)}
        if same & NAME and not NAME & set(values) <= same:
            same -= NAME
        return _take(row, {name: values[name] for name in values if name in same}, at)


def _take(row: Person | Task | Account, values: Mapping[str, Any], at: datetime) -> set[str]:
    """All at once; when they are refused, each for itself."""
    try:
        with transaction.atomic():
            _write(row, values, at)
    except Refusal as refusal:
        parts = [{name: values[name]} for name in values if name not in NAME]
        parts += [{name: values[name] for name in NAME if name in values}] if NAME & set(values) else []
        if len(parts) == 1:
            log.warning("crm_sync_not_taken", object=str(row.pk), fields=sorted(values), code=refusal.code)
            return set()
        return {name for part in parts for name in _take(row, part, at)}
    return set(values)


def _write(row: Person | Task | Account, values: Mapping[str, Any], at: datetime) -> None:
    if isinstance(row, Person):
        person_update(person=row, changes=_of_person(row, values), actor=ACTOR, at=at)
    elif isinstance(row, Task):
        task_change(task=row, changes=_of_task(row, values), actor=ACTOR, at=at)
    else:
        account_update(account=row, changes=_of_company(values), actor=ACTOR, at=at)


def _of_person(person: Person, values: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {name: str(values[name] or "") for name in PARTICULARS if name in values}
    if NAME & set(values):
        first, last = names_split(person.name)
        first, last = str(values.get("first_name", first) or ""), str(values.get("last_name", last) or "")
        given["name"] = f"{first} {last}".strip()
    if "email" in values:
        given["email"] = _something(values["email"])  # nobody's addresses are forgotten from over there
    return given


def _of_task(task: Task, values: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if "status" in values:
        ours = status_read(values["status"])
        if ours is None:
            raise NotTaken
        given["status"] = TaskStatus(ours)
    if "title" in values:
        given["title"] = _something(values["title"])
    if "text" in values:
        text = str(values["text"] or "")
        if len(text) >= CUT:
            raise NotTaken
        given["text"] = text_alone(text, task.next_action)
    if "due" in values:
        given["due_on"] = _day(str(values["due"] or ""))
    return given


def _of_company(values: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, value in values.items():
        if name not in {"name", "domain"}:
            raise NotTaken
        text = _something(value)
        given[name] = text.partition("://")[2].partition("/")[0] or text if name == "domain" else text
    return given


def _something(value: Any) -> str:
    text = str(value or "").strip()
    if not text:
        raise NotTaken
    return text


def _day(text: str) -> Any:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise NotTaken from error
    return found.astimezone(UTC).date() if found.tzinfo else found.date()
