"""What is to be sent: found by what changed since, kept as a row each, decided by the hash of what would be sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.utils.dateparse import parse_datetime

from accounts.models import Account
from config.kit.enqueue import enqueue
from config.kit.locks import locked
from crm.domain.sync.fields import Mapped, ObjectKind
from crm.domain.sync.payloads import Facts, digest
from crm.models import Connection, CrmLink, Person, SyncJob, SyncRun, Task
from crm.services.sync_access import mapping_of
from crm.sync_facts import companies_sendable, facts_of, people_sendable, tasks_sendable
from history.domain.kinds import Kind
from history.models import Event

TASK = "crm.sync"
READER = "crm-sync"
KINDS = (Kind.ACCOUNT_CREATED, Kind.ACCOUNT_CHANGED, Kind.ACCOUNT_PROMOTED, Kind.ACCOUNT_MERGED)
PAGE = 500
PAGES = 40
OVERLAP = timedelta(minutes=2)
"""How long a transaction may take between its clock and its commit, to be seen all the same."""


@dataclass(frozen=True, slots=True)
class _Position:
    """Behind which change to go on."""

    since: datetime | None
    last: int = 0

    @classmethod
    def read(cls, stored: list[Any] | None) -> _Position:
        return cls(parse_datetime(stored[0]), int(stored[1])) if stored else cls(None)

    def after(self, rows: QuerySet[Any]) -> list[Any]:
        if self.since is not None:
            rows = rows.filter(Q(changed_at__gt=self.since) | Q(changed_at=self.since, pk__gt=self.last))
        return list(rows.order_by("changed_at", "pk").only("pk", "changed_at")[:PAGE])


def changes_collect(*, connection_id: int, at: datetime) -> int:
    """Queue the people, tasks and companies that changed since the last time and are dirty; return how many.

    Writes nothing for what is clean. What changed within the last `OVERLAP` is looked at again the next time:
    a transaction may commit later than its clock says. Companies are found by their people, and once each time
    everything is to be looked at.
    """
    found = 0
    for _ in range(PAGES):
        queued, more = _collect_companies(connection_id, at)
        found += queued
        if not more:
            break
    for kind in (ObjectKind.PERSON, ObjectKind.TASK):
        position: _Position | None = None
        for _ in range(PAGES):
            queued, position = _collect_page(connection_id, kind, position, at)
            found += queued
            if position is None:
                break
    return found


def _collect_companies(connection_id: int, at: datetime) -> tuple[int, bool]:
    """Queue a page of all companies, once after the cursor was empty; how many, and whether to go on."""
    with transaction.atomic():
        connection = locked(Connection.objects.filter(pk=connection_id)).get()
        last = connection.cursor.get(ObjectKind.COMPANY, 0)
        if ObjectKind.COMPANY not in connection.sends or last is None:
            return 0, False
        ids = _ids(companies_sendable(), last)
        queued = _queue_companies(connection, ids, at)
        more = len(ids) == PAGE
        connection.cursor[ObjectKind.COMPANY] = ids[-1] if more else None
        connection.save(update_fields=["cursor"])
    return queued, more


def _collect_page(
    connection_id: int, kind: ObjectKind, position: _Position | None, at: datetime
) -> tuple[int, _Position | None]:
    """Queue a page; how many are new, and where to go on, None at the end."""
    with transaction.atomic():
        connection = locked(Connection.objects.filter(pk=connection_id)).get()
        if not _concerns(connection, kind):
            return 0, None
        position = position or _Position.read(connection.cursor.get(kind))
        everyone: QuerySet[Any] = (
            people_sendable() if kind is ObjectKind.PERSON else tasks_sendable(connection)
        )
        rows = position.after(everyone)
        queued = _queue_dirty(connection, kind, [row.pk for row in rows], at) if rows else 0
        settled = [row for row in rows if row.changed_at <= at - OVERLAP]
        if settled:
            connection.cursor[kind] = [settled[-1].changed_at.isoformat(), settled[-1].pk]
        connection.collected_at = at
        connection.save(update_fields=["cursor", "collected_at"])
    return queued, (_Position(rows[-1].changed_at, rows[-1].pk) if len(rows) == PAGE else None)


def _concerns(connection: Connection, kind: ObjectKind) -> bool:
    """People are looked at also for the companies that they belong to."""
    through = kind is ObjectKind.PERSON and ObjectKind.COMPANY in connection.sends
    return through or kind in connection.sends


def _queue_dirty(connection: Connection, kind: ObjectKind, ids: list[int], at: datetime) -> int:
    queued = 0
    if kind is ObjectKind.PERSON and ObjectKind.COMPANY in connection.sends:
        # of all of them: who was given an account need not be dirty before it has its record
        rows = Person.objects.filter(pk__in=ids).exclude(account=None)
        queued += _queue_companies(connection, sorted(set(rows.values_list("account_id", flat=True))), at)
    if kind not in connection.sends:
        return queued
    dirty = dirty_of(connection, kind, ids)
    return queued + jobs_queue(connection=connection, kind=kind, ids=dirty, at=at, digests=dirty)


def dirty_of(connection: Connection, kind: ObjectKind, ids: list[int]) -> dict[int, str]:
    """Those that differ from what was last sent, with the hash of what they are now."""
    mapped = mapping_of(connection)[kind]
    links = links_of(connection, kind, ids)
    facts = facts_of(connection, kind, ids)
    return {pk: digest(said, mapped) for pk, said in facts.items() if is_dirty(said, mapped, links.get(pk))}


def _queue_companies(connection: Connection, accounts: list[int], at: datetime) -> int:
    dirty = dirty_of(connection, ObjectKind.COMPANY, accounts)
    return jobs_queue(connection=connection, kind=ObjectKind.COMPANY, ids=dirty, at=at, digests=dirty)


def links_of(connection: Connection, kind: ObjectKind, ids: Iterable[int]) -> dict[int, CrmLink]:
    rows = CrmLink.objects.filter(connection=connection, kind=kind, object_id__in=list(ids))
    return {row.object_id: row for row in rows}


def is_dirty(facts: Facts, mapped: Mapped, link: CrmLink | None) -> bool:
    """Whether it differs from what was last sent. What was deleted over there is never dirty."""
    if link is None:
        return True
    return link.tombstone_at is None and link.digest != digest(facts, mapped)


def link_outdate(link: CrmLink) -> None:
    """Make its object dirty whatever it says: a hash that nothing has, another each time. The caller saves it.

    A batch that is on its way sees by it, when it comes to an end, that it was asked for again.
    """
    link.digest = uuid4().hex


def jobs_queue(
    *,
    connection: Connection,
    kind: ObjectKind,
    ids: Iterable[int],
    at: datetime,
    run: SyncRun | None = None,
    digests: Mapping[int, str] | None = None,
) -> int:
    """Have these objects sent. One that waits keeps its row; one that failed is tried again once it has changed.
    One that is on its way is looked at again at the end of its batch, if the connection is locked by both.

    Returns how many are new or tried again.
    """
    wanted = list(ids)
    known = SyncJob.objects.filter(connection=connection, kind=kind, object_id__in=wanted)
    if run is not None:
        known.filter(state=SyncJob.State.WAITING).update(run=run)
    there = {row.object_id: row for row in known}
    changed = [
        row.pk
        for row in there.values()
        if row.state == SyncJob.State.FAILED and digests and row.refused != digests.get(row.object_id)
    ]
    again = SyncJob.objects.filter(pk__in=changed, state=SyncJob.State.FAILED).update(
        state=SyncJob.State.WAITING, attempts=0, due_at=at, failure="", message=""
    )
    rows = [
        SyncJob(connection=connection, kind=kind, object_id=pk, due_at=at, created_at=at, run=run)
        for pk in wanted
        if pk not in there
    ]
    SyncJob.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows) + again


def account_follow(event: Event, *, at: datetime) -> None:
    """Reader of the history: of an account that changed, the company, its people and its tasks may have to be sent.

    At a connection that is off they wait until it is on.
    """
    account = Account.objects.filter(customer_id=event.account).first()
    if account is None:
        return
    owned = {ObjectKind.PERSON: Person.objects.all(), ObjectKind.TASK: Task.objects.all()}
    for connection in locked(Connection.objects.exclude(detected_at=None)).order_by("pk"):
        queued = 0
        if ObjectKind.COMPANY in connection.sends:
            queued += _queue_companies(connection, [account.pk], at)
        for kind, rows in owned.items():
            last = 0
            while kind in connection.sends and (ids := _ids(rows.filter(account=account), last)):
                queued += _queue_dirty(connection, kind, ids, at)
                last = ids[-1]
        if queued and connection.is_running:
            enqueue(TASK)


# --- a full comparison --------------------------------------------------------------------------------


def sendable(connection: Connection, kind: ObjectKind) -> QuerySet[Any]:
    """Everything of a kind that could be sent."""
    rows: dict[ObjectKind, QuerySet[Any]] = {
        ObjectKind.COMPANY: companies_sendable(),
        ObjectKind.PERSON: people_sendable(),
        ObjectKind.TASK: tasks_sendable(connection),
    }
    return rows[kind]


def run_queue_page(*, run_id: int, at: datetime) -> bool:
    """Queue the next page of a full comparison; False when everything is queued. Ends one whose jobs are done."""
    with transaction.atomic():
        run = locked(SyncRun.objects.filter(pk=run_id)).get()
        if run.ended_at is not None:
            return False
        kinds = [kind for kind in ObjectKind if kind in run.connection.sends]
        kind, last = run.cursor.get("at", [ObjectKind.COMPANY, 0])
        if kind and kind not in kinds:  # not sent any more, or never
            kind, last = _after(kinds, kind)
        if kind in kinds:
            ids = _ids(sendable(run.connection, ObjectKind(kind)), last)
            jobs_queue(connection=run.connection, kind=ObjectKind(kind), ids=ids, at=at, run=run)
            run.queued += len(ids)
            run.cursor = {"at": _next(kinds, ObjectKind(kind), ids)}
            run.total = max(run.total, run.queued)
        elif not run.jobs.filter(kind__in=kinds).exclude(state=SyncJob.State.FAILED).exists():
            run.cursor, run.ended_at, run.total = {"at": ["", 0]}, at, run.queued
        run.save()
    return run.cursor["at"][0] in kinds if run.cursor else False


def _ids(rows: QuerySet[Any], last: int) -> list[int]:
    return list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:PAGE])


def _next(kinds: list[ObjectKind], kind: ObjectKind, ids: list[int]) -> list[Any]:
    if len(ids) == PAGE:
        return [kind, ids[-1]]
    return _after(kinds, kind)


def _after(kinds: list[ObjectKind], kind: str) -> list[Any]:
    """The first of the kinds that come behind another."""
    rest = list(ObjectKind)[list(ObjectKind).index(ObjectKind(kind)) + 1 :]
    return [next((one for one in rest if one in kinds), ""), 0]


def followers_queue(*, connection: Connection, kind: ObjectKind, ids: list[int], at: datetime) -> int:
    """What names an object that has just got its record over there is sent again, to be tied to it."""
    if not ids:
        return 0
    queued = 0
    if kind is ObjectKind.COMPANY:
        queued += _queue_linked(connection, ObjectKind.PERSON, Person, {"account_id__in": ids}, at)
    if kind in {ObjectKind.COMPANY, ObjectKind.PERSON}:
        column = "account_id__in" if kind is ObjectKind.COMPANY else "person_id__in"
        queued += _queue_linked(connection, ObjectKind.TASK, Task, {column: ids}, at)
    return queued


def _queue_linked(
    connection: Connection, kind: ObjectKind, model: type[Model], which: dict[str, Any], at: datetime
) -> int:
    """Only those that are linked already: the others are sent with the tie the first time."""
    if kind not in connection.sends:
        return 0
    ids = list(model._default_manager.filter(**which).values_list("pk", flat=True))
    links = CrmLink.objects.filter(connection=connection, kind=kind, object_id__in=ids, tombstone_at=None)
    return jobs_queue(
        connection=connection, kind=kind, ids=list(links.values_list("object_id", flat=True)), at=at
    )
