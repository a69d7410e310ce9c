"""What staff decide: who is right in a conflict, that failed records go out again, that everything is compared."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from config.kit.enqueue import enqueue
from config.kit.errors import NotFound
from config.kit.locks import locked
from crm.domain.sync.fields import ObjectKind
from crm.models import Connection, CrmLink, SyncConflict, SyncJob, SyncRun
from crm.services.sync_queueing import TASK, jobs_queue, link_outdate, sendable
from crm.services.sync_recording import link_raise
from crm.services.sync_taking import values_take
from crm.sync_errors import AlreadyComparing, ConflictSettled, NotTaken, SyncOff
from history.domain.kinds import Kind
from history.services import record

OURS, THEIRS = SyncConflict.Resolution.OURS, SyncConflict.Resolution.THEIRS


def conflict_settle(*, conflict: SyncConflict, choice: str, actor: str, at: datetime) -> SyncConflict:
    """Decide for `ours`, which is then sent, or `theirs`, which is then written here. Once.

    Raises ConflictSettled, NotTaken, NotFound.
    """
    with transaction.atomic():
        # no batch is recorded meanwhile: it would write over what is decided
        locked(Connection.objects.filter(pk=conflict.connection_id)).first()
        row = locked(SyncConflict.objects.filter(pk=conflict.pk)).select_related("connection").first()
        if row is None or choice not in {OURS, THEIRS}:
            raise NotFound
        if row.resolution:
            raise ConflictSettled
        link = CrmLink.objects.filter(
            connection=row.connection, kind=row.kind, object_id=row.object_id
        ).first()
        if choice == THEIRS and not values_take(
            connection=row.connection, kind=ObjectKind(row.kind), object_id=row.object_id,
            values={row.field: row.theirs}, at=at,
        ):  # fmt: skip
            raise NotTaken
        if link is not None:
            _tell_link(link, row, choice)
        row.resolution, row.resolved_by, row.resolved_at = choice, actor, at
        row.save(update_fields=["resolution", "resolved_by", "resolved_at"])
        jobs_queue(connection=row.connection, kind=ObjectKind(row.kind), ids=[row.object_id], at=at)
        _record(Kind.CRM_CONFLICT_SETTLED, row.connection, actor, at, field=row.field, choice=str(choice))
        enqueue(TASK)
    return row


def _tell_link(link: CrmLink, row: SyncConflict, choice: str) -> None:
    """Ours is sent whatever stands there by then; theirs is what both sides agree on from now on."""
    if choice == OURS:
        link.insisted = sorted({*link.insisted, row.field})
    else:
        link.sent = {**link.sent, row.field: row.theirs}
    link_outdate(link)
    link.save(update_fields=["insisted", "sent", "digest"])


def jobs_retry(*, jobs: Iterable[SyncJob], actor: str, at: datetime) -> int:
    """Send failed records again, with all attempts before them. Returns how many."""
    ids = [job.pk for job in jobs]
    with transaction.atomic():
        rows = SyncJob.objects.filter(pk__in=ids, state=SyncJob.State.FAILED)
        counts: dict[int, int] = {}
        for connection_id in rows.values_list("connection_id", flat=True):
            counts[connection_id] = counts.get(connection_id, 0) + 1
        done = rows.update(state=SyncJob.State.WAITING, attempts=0, due_at=at, failure="", message="")
        for connection in Connection.objects.filter(pk__in=counts):
            _record(Kind.CRM_RETRIED, connection, actor, at, records=counts[connection.pk])
        enqueue(TASK)
    return done


def buried_retry(*, link: CrmLink, actor: str, at: datetime) -> CrmLink:
    """Have a record that was deleted over there looked up again: it goes on where somebody has restored it.

    Where it is still deleted it is buried again, and never made anew. Repeating it changes nothing. Raises NotFound.
    """
    with transaction.atomic():
        connection = locked(Connection.objects.filter(pk=link.connection_id)).first()
        row = CrmLink.objects.select_related("connection").filter(pk=link.pk).first()
        if connection is None or row is None:
            raise NotFound
        if row.tombstone_at is not None:
            link_raise(link=row, at=at)
            _record(Kind.CRM_RETRIED, connection, actor, at, records=1)
            enqueue(TASK)
    return row


def run_start(*, connection: Connection, actor: str, at: datetime) -> SyncRun:
    """Have every object looked at over there and put right. Raises SyncOff, AlreadyComparing."""
    with transaction.atomic():
        row = locked(Connection.objects.filter(pk=connection.pk)).first()
        if row is None or not row.is_running:
            raise SyncOff
        total = sum(sendable(row, kind).count() for kind in ObjectKind if kind in row.sends)
        try:
            with transaction.atomic():
                run = SyncRun.objects.create(connection=row, total=total, started_by=actor, started_at=at)
        except IntegrityError as error:
            raise AlreadyComparing from error
        _record(Kind.CRM_COMPARED, row, actor, at, objects=total)
        enqueue(TASK)
    return run


def run_stop(*, connection: Connection, actor: str, at: datetime) -> bool:
    """End a comparison: what it queued and is not sent yet is sent only where something changed.

    False when none is under way.
    """
    with transaction.atomic():
        run = locked(SyncRun.objects.filter(connection=connection, ended_at=None)).first()
        if run is None:
            return False
        SyncJob.objects.filter(run=run).update(run=None)
        run.ended_at = at
        run.save(update_fields=["ended_at"])
        _record(Kind.CRM_COMPARED, connection, actor, at, stopped=True)
    return True


def _record(kind: Kind, connection: Connection, actor: str, at: datetime, **data: Any) -> None:
    record(kind=kind, subject=f"crm-connection:{connection.uid}", actor=actor, data=data, at=at)
