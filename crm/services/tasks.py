"""Tasks: made once by what happened, or by hand; assigned, put off, moved and ended.

What the reader of history makes or settles is a projection of it; what people do is an event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Account, User
from config.kit.errors import FieldError, Invalid, NotFound
from config.kit.locks import referable
from config.kit.validation import check_fields
from crm.domain.causes import Draft, Settled, due_on
from crm.domain.texts import DUE_DAYS, NEXT, next_of, title_of
from crm.domain.words import ONGOING, TaskKind, TaskStatus
from crm.errors import TaskEnded
from crm.models import Person, Task, TaskRule
from history.domain.kinds import Kind
from history.models import Event
from history.services import record

READER = "system:crm"
PARTICULARS = ("title", "text", "next_action", "owner", "due_on", "account", "person", "snoozed_until")


# --- made and settled by what happened ----------------------------------------------------------------


def rule_of(kind: TaskKind) -> TaskRule:
    """The rule of a kind as staff set it, or as it comes."""
    return TaskRule.objects.select_related("owner").filter(kind=kind).first() or TaskRule(
        kind=kind, due_days=DUE_DAYS[kind]
    )


def owner_for(account: Account | None, rule: TaskRule) -> User | None:
    """Who looks after the account, else whom the rule names; nobody who can no longer sign in."""
    candidates = (account.owner if account else None, rule.owner)
    return next((user for user in candidates if user is not None and user.is_active), None)


def task_ensure(
    *,
    draft: Draft,
    who: str,
    account: Account | None = None,
    person: Person | None = None,
    text: str = "",
    happened_at: datetime,
    at: datetime,
) -> bool:
    """Make the task of a draft once; False when it was made before, or when staff want none of its kind.

    It is due from when it happened, so that reading history again gives the same task.
    """  # fmt: skip
    rule = rule_of(draft.kind)
    if not rule.active or Task.objects.filter(dedupe_key=draft.key).exists():
        return False
    task = Task(
        kind=draft.kind, title=title_of(draft.kind, who, draft.stage), text=text,
        next_action=next_of(draft.kind, draft.stage), **({"uid": UUID(draft.uid)} if draft.uid else {}),
        owner=owner_for(account, rule), due_on=due_on(happened_at.date(), rule.due_days), account=account,
        person=person, subject_type=draft.about[0], subject_id=draft.about[1], dedupe_key=draft.key,
        created_by=READER, created_at=happened_at, changed_at=at,
    )  # fmt: skip
    Task.objects.bulk_create([task], ignore_conflicts=True)  # somebody may run the event again this moment
    return True


def tasks_settle(*, settled: Settled, happened_at: datetime, at: datetime) -> int:
    """Drop what needs doing no more and nobody has taken in hand, or opened again since; return how many."""
    rows = Task.objects.filter(status=TaskStatus.OPEN, kind__in=settled.kinds)
    if settled.about is not None:
        rows = rows.filter(subject_type=settled.about[0], subject_id=settled.about[1])
    else:
        rows = rows.filter(dedupe_key=settled.key)
    if settled.but:
        rows = rows.exclude(dedupe_key__contains=f":{settled.but}")
    rows = rows.filter(created_at__lte=happened_at)
    opened = set(_opened_since(rows, happened_at))
    rows = rows.exclude(pk__in=opened) if opened else rows
    return rows.update(status=TaskStatus.DROPPED, ended_at=happened_at, ended_by=READER, changed_at=at)


def _opened_since(rows: QuerySet[Task], since: datetime) -> Iterator[int]:
    """Those that somebody opened again after that: of two decisions the later holds, whenever history is read."""
    ids = {f"task:{uid}": pk for pk, uid in rows.values_list("pk", "uid")}
    told = Event.objects.filter(kind=Kind.TASK_CHANGED, subject__in=list(ids), at__gt=since)
    for subject, data in told.values_list("subject", "data"):
        if data.get("to") == TaskStatus.OPEN:
            yield ids[subject]


# --- by people ----------------------------------------------------------------------------------------


def task_create(
    *, title: str, actor: str, at: datetime, subject: tuple[str, str] = ("", ""), **given: Any
) -> Task:
    """Write down something to do. `given` are PARTICULARS. Raises Invalid."""
    task = Task(
        title=title.strip(), kind=TaskKind.FOLLOW_UP, subject_type=subject[0], subject_id=subject[1],
        created_by=actor, created_at=at, changed_at=at, **_clean(given),
    )  # fmt: skip
    _check(task)
    with transaction.atomic():
        task.save(force_insert=True)
        _record(Kind.TASK_CREATED, task, {"kind": str(task.kind)}, actor, at)
    return task


def task_update(*, task: Task, changes: Mapping[str, Any], actor: str, at: datetime) -> Task:
    """Change PARTICULARS: assign, put off, say what is next. What is the same changes nothing. Raises Invalid."""
    values = _clean(changes)
    with transaction.atomic():
        row = _locked(task)
        changed = [name for name, value in values.items() if getattr(row, name) != value]
        for name in changed:
            setattr(row, name, values[name])
        _check(row)
        _keep(row, changed, {"fields": sorted(changed)}, actor, at)
    return row


def task_change(*, task: Task, changes: Mapping[str, Any], actor: str, at: datetime) -> Task:
    """As `task_update`, and `status` puts it into another column, in one transaction."""
    given = dict(changes)
    to = given.pop("status", None)
    with transaction.atomic():
        row = task_update(task=task, changes=given, actor=actor, at=at)
        return row if to is None else task_move(task=row, to=TaskStatus(to), actor=actor, at=at)


def task_snooze(*, task: Task, until: date, actor: str, at: datetime) -> Task:
    """Put a task out of the way until a day to come. Raises Invalid, TaskEnded (409)."""
    if until <= at.date():
        raise Invalid([FieldError("until", "not_to_come", "Choose a day to come.")])
    with transaction.atomic():
        row = _locked(task)
        if not row.is_ongoing:
            raise TaskEnded
        changed = ["snoozed_until"] if row.snoozed_until != until else []
        row.snoozed_until = until
        _keep(row, changed, {"snoozed_until": until.isoformat()}, actor, at)
    return row


def task_move(*, task: Task, to: TaskStatus, actor: str, at: datetime) -> Task:
    """Put a task into another column: taken in hand, done, dropped, or open again. The same changes nothing."""
    with transaction.atomic():
        row = _locked(task)
        before = row.status
        if before == to:
            return row
        row.status = to
        row.ended_at, row.ended_by = (None, "") if to in ONGOING else (at, actor)
        row.snoozed_until = None
        _keep(
            row, ["status", "ended_at", "ended_by", "snoozed_until"], {"from": str(before), "to": str(to)},
            actor, at,
        )  # fmt: skip
    return row


def task_rule_change(
    *, rule: TaskRule, owner: User | None, due_days: int, active: bool, actor: str, at: datetime
) -> TaskRule:
    """Say who gets tasks of a kind, and how long there is for them. Raises Invalid."""
    with transaction.atomic():
        row = referable(TaskRule.objects.filter(pk=rule.pk)).get()
        before = (row.owner_id, row.due_days, row.active)
        row.owner, row.due_days, row.active = owner, due_days, active
        check_fields(row, ("owner", "due_days", "active"))
        if before == (row.owner_id, row.due_days, row.active):
            return row
        row.save(update_fields=["owner", "due_days", "active"])
        record(
            kind=Kind.SETTING_CHANGED, subject=f"task_rule:{row.kind}", actor=actor, at=at,
            data={"owner": row.owner_id, "due_days": due_days, "active": active},
        )  # fmt: skip
    return row


def task_rules_ensure() -> None:
    """A rule for every kind that what happens makes, as it comes, where there is none."""
    TaskRule.objects.bulk_create(
        [TaskRule(kind=kind, due_days=DUE_DAYS[kind]) for kind in NEXT], ignore_conflicts=True
    )


def _keep(row: Task, changed: list[str], data: dict[str, Any], actor: str, at: datetime) -> None:
    if changed:
        row.changed_at = at
        row.save(update_fields=[*changed, "changed_at"])
        _record(Kind.TASK_CHANGED, row, data, actor, at)


def _clean(given: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(given) - set(PARTICULARS))
    if unknown:
        raise Invalid([FieldError(name, "unknown_field", f"A task has no {name}.") for name in unknown])
    return {name: value.strip() if isinstance(value, str) else value for name, value in given.items()}


def _check(row: Task) -> None:
    """Raises Invalid."""
    check_fields(row, PARTICULARS)
    if row.person is not None and row.account is None:
        row.account = row.person.account


def _locked(task: Task) -> Task:
    rows = Task.objects.select_related("account", "owner", "person")
    row = referable(rows.filter(pk=task.pk)).first()
    if row is None:
        raise NotFound
    return row


def _record(kind: Kind, row: Task, data: dict[str, Any], actor: str, at: datetime) -> None:
    record(
        kind=kind,
        subject=f"task:{row.uid}",
        account=row.account.customer_id if row.account else "",
        actor=actor,
        data=data,
        at=at,
    )
