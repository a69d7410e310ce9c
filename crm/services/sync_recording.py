"""What came of a batch, written down: links, retries, tombstones, conflicts, and whether to go on at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from prometheus_client import Counter

from config.kit.locks import locked
from crm.domain.sync.failures import Failure, FailureClass
from crm.domain.sync.fields import Mapped, ObjectKind
from crm.domain.sync.payloads import Facts, as_theirs, digest
from crm.domain.sync.retrying import next_try
from crm.models import Connection, CrmLink, SyncConflict, SyncJob
from crm.services.sync_access import shown
from crm.services.sync_queueing import dirty_of, followers_queue, jobs_queue, link_outdate
from crm.services.sync_taking import ACTOR, values_take
from crm.sync_facts import facts_of
from history.domain.kinds import Kind
from history.services import record

FIRST_HOLD = timedelta(seconds=30)
LONGEST_HOLD = timedelta(minutes=30)
MOST_FAILING = 12
TAKEN = "Its record over there belongs to another object of ours already."
RECORDS = Counter("signet_crm_sync_records", "Records of the CRM sync by outcome", ["outcome"])


@dataclass(frozen=True, slots=True)
class Known:
    """What stood in the tables when the decision was made: the link's hash, fields to insist on, open conflicts."""

    digest: str = ""
    insisted: frozenset[str] = frozenset()
    disputed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of one job. Without anything: there was nothing to do."""

    external_id: str = ""
    digest: str = ""
    failure: Failure | None = None
    deleted: bool = False
    agreed: Mapping[str, Any] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)
    take: Mapping[str, Any] = field(default_factory=dict)
    disputed: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    is_new: bool = False
    was_sent: bool = False
    known: Known = Known()
    facts: Facts | None = None


def takes_apply(
    *, connection: Connection, mapped: Mapped, done: Mapping[int, Done], at: datetime
) -> dict[int, Done]:
    """Write what was taken from over there into our objects; return what became of each then.

    What our rules refuse, or somebody changed here since it was decided, is not agreed on: it is disputed.
    """
    return {
        pk: _taken(connection, mapped, pk, one, at) if one.take and one.failure is None else one
        for pk, one in done.items()
    }


def _taken(connection: Connection, mapped: Mapped, pk: int, one: Done, at: datetime) -> Done:
    facts = one.facts
    if facts is None:
        return one
    kind = facts.kind
    taken = values_take(
        connection=connection, kind=kind, object_id=pk, values=one.take, planned=facts.values, at=at
    )
    left = {
        name: (as_theirs(kind, name, facts.values.get(name), mapped[name]), theirs)
        for name, theirs in one.take.items()
        if name not in taken
    }
    if not left:
        return one
    values = {**facts.values, **{name: one.take[name] for name in taken}}
    return replace(
        one,
        digest=digest(replace(facts, values=values), mapped),
        agreed={name: value for name, value in one.agreed.items() if name not in left},
        disputed={**one.disputed, **left},
    )


def batch_record(
    *, connection_id: int, kind: ObjectKind, since: datetime, done: Mapping[int, Done], at: datetime
) -> bool:
    """Write down what came of a batch; True when the connection is to be left alone for a while.

    What arrived is written down also when the claim has lapsed meanwhile: it did arrive. What changed here while
    it was on its way is due again at once.
    """
    with transaction.atomic():
        connection = locked(Connection.objects.filter(pk=connection_id)).get()
        jobs = locked(SyncJob.objects.filter(connection=connection, kind=kind, object_id__in=list(done)))
        mine = {row.object_id: row for row in jobs if row.claimed_at == since}
        arrived = [
            pk for pk, one in done.items() if one.external_id and one.failure is None and not one.deleted
        ]
        news = _link_all(connection, kind, {pk: done[pk] for pk in arrived}, at)
        dirty = dirty_of(connection, kind, list(done))
        for pk, one in done.items():
            if pk in news.refused:
                one = Done(failure=news.refused[pk], digest=one.digest)  # noqa: PLW2901 - it did not come to be ours
            _end(_Object(connection, kind, pk, dirty.get(pk, "")), mine.get(pk), one, at)
        followers_queue(connection=connection, kind=kind, ids=news.new, at=at)
        return _judge(connection, done, at)


@dataclass(slots=True)
class _News:
    new: list[int] = field(default_factory=list)
    refused: dict[int, Failure] = field(default_factory=dict)


def _link_all(connection: Connection, kind: ObjectKind, done: Mapping[int, Done], at: datetime) -> _News:
    """Keep the ids over there. One record is one object's: a second of ours is refused, unless the first is gone."""
    news = _News()
    rows = CrmLink.objects.filter(connection=connection, kind=kind)
    links = {row.object_id: row for row in rows.filter(object_id__in=list(done))}
    holders = {
        row.external_id: row
        for row in rows.filter(external_id__in=[one.external_id for one in done.values()])
    }
    alive = facts_of(connection, kind, [row.object_id for row in holders.values()])
    for pk, one in done.items():
        holder = holders.get(one.external_id)
        if holder is not None and holder.object_id != pk:
            if holder.object_id in alive:
                news.refused[pk] = Failure(FailureClass.REJECTED, TAKEN)
                continue
            holder.delete()
        link = links.get(pk) or CrmLink(connection=connection, kind=kind, object_id=pk)
        if not link.external_id:
            news.new.append(pk)
        if link.digest == one.known.digest:  # else it was asked for again since
            link.digest = one.digest
        link.external_id, link.synced_at = one.external_id, at
        link.sent, link.targets = {**link.sent, **one.agreed}, dict(one.targets)
        link.insisted = [name for name in link.insisted if name not in one.known.insisted]
        link.save()
        holders[one.external_id] = link
    return news


@dataclass(frozen=True, slots=True)
class _Object:
    """`dirty`: the hash of what it is at this moment, where that is not what was sent."""

    connection: Connection
    kind: ObjectKind
    pk: int
    dirty: str


def _end(about: _Object, job: SyncJob | None, one: Done, at: datetime) -> None:
    if one.failure is not None:
        RECORDS.labels(one.failure.kind).inc()
        _fail(about, job, one, one.failure, at)
        return
    RECORDS.labels("deleted" if one.deleted else "sent" if one.was_sent else "clean").inc()
    if one.deleted:
        _bury(about, one.external_id, at)
    elif about.dirty:  # what is disputed shows when it is looked at again
        _again(about, job, at)
        return
    elif one.external_id:
        _dispute(about, one, at)
    if job is not None:
        job.delete()


def _again(about: _Object, job: SyncJob | None, at: datetime) -> None:
    """It changed while it was on its way."""
    if job is None:
        jobs_queue(connection=about.connection, kind=about.kind, ids=[about.pk], at=at)
        return
    job.state, job.attempts, job.due_at, job.claimed_at = SyncJob.State.WAITING, 0, at, None
    job.failure, job.message, job.run = "", "", None
    job.save()


def _fail(about: _Object, job: SyncJob | None, one: Done, failure: Failure, at: datetime) -> None:
    if failure.kind is FailureClass.GONE:
        _bury(about, one.external_id, at)
        if job is not None:
            job.delete()
        return
    if job is None:
        return
    job.failure, job.message, job.claimed_at = failure.kind, failure.words[:400], None
    job.state, job.due_at = SyncJob.State.WAITING, at + (failure.wait or timedelta(0)) if failure.ours else at
    if not (failure.whole or failure.skipped):
        again = next_try(failure, made=job.attempts + 1, seed=f"{about.kind}:{about.pk}", at=at)
        job.attempts += again is None or again.counts
        if again is None and about.dirty not in {"", one.digest}:
            _again(about, job, at)
            return
        if again is None:
            job.state, job.refused = SyncJob.State.FAILED, one.digest
        else:
            job.due_at = again.due_at
    job.save()


def _bury(about: _Object, external_id: str, at: datetime) -> None:
    link_bury(
        connection=about.connection, kind=about.kind, object_id=about.pk, external_id=external_id, at=at
    )


def link_bury(
    *, connection: Connection, kind: ObjectKind, object_id: int, external_id: str, at: datetime
) -> None:
    """Remember that a record was deleted over there: it is never made or changed again. Its conflicts are moot."""
    link, _ = CrmLink.objects.get_or_create(connection=connection, kind=kind, object_id=object_id)
    link.tombstone_at = link.tombstone_at or at
    taken = CrmLink.objects.filter(connection=connection, kind=kind, external_id=external_id).exclude(
        pk=link.pk
    )
    if external_id and not taken.exists():
        link.external_id = external_id
    link.sent = {}
    link.save()
    rows = SyncConflict.objects.filter(connection=connection, kind=kind, object_id=object_id, resolution="")
    rows.update(resolution=SyncConflict.Resolution.MOOT, resolved_by=ACTOR, resolved_at=at)


def link_raise(*, link: CrmLink, at: datetime) -> None:
    """Lift a tombstone: the record is looked up again, and buried again where it is still deleted over there.

    Call with the connection locked.
    """
    link.tombstone_at = None
    link_outdate(link)
    link.save(update_fields=["tombstone_at", "digest"])
    jobs_queue(connection=link.connection, kind=ObjectKind(link.kind), ids=[link.object_id], at=at)


def _dispute(about: _Object, one: Done, at: datetime) -> None:
    """Keep the list of conflicts as it is now: new ones come in, those that settled themselves go."""
    connection, kind, pk = about.connection, about.kind, about.pk
    rows = SyncConflict.objects.filter(connection=connection, kind=kind, object_id=pk, resolution="")
    known = {row.field: row for row in rows}
    for name, (ours, theirs) in one.disputed.items():
        conflict_note(
            connection=connection, kind=kind, object_id=pk, name=name, ours=ours, theirs=theirs, at=at
        )
    settled = [row.pk for name, row in known.items() if name in one.known.disputed - set(one.disputed)]
    if settled:
        SyncConflict.objects.filter(pk__in=settled).update(
            resolution=SyncConflict.Resolution.MOOT, resolved_by=ACTOR, resolved_at=at
        )


def conflict_note(
    *,
    connection: Connection,
    kind: ObjectKind,
    object_id: int,
    name: str,
    ours: Any,
    theirs: Any,
    at: datetime,
) -> None:
    """Put a field on the list of conflicts, or bring what stands there up to date."""
    SyncConflict.objects.update_or_create(
        connection=connection, kind=kind, object_id=object_id, field=name, resolution="",
        defaults={"ours": shown(ours), "theirs": shown(theirs)}, create_defaults={
            "ours": shown(ours), "theirs": shown(theirs), "at": at,
        },
    )  # fmt: skip


# --- the connection as a whole ------------------------------------------------------------------------


def _judge(connection: Connection, done: Mapping[int, Done], at: datetime) -> bool:
    """Go on, leave the CRM alone for a while, or stop until somebody has put it right."""
    failures = [one.failure for one in done.values() if one.failure is not None and one.failure.whole]
    if not failures:
        if connection.failing and any(one.external_id for one in done.values()):
            connection.failing -= 1
            connection.save(update_fields=["failing"])
        return False
    return connection_judge(connection=connection, failure=failures[0], at=at)


def connection_judge(*, connection: Connection, failure: Failure, at: datetime) -> bool:
    """What a failure of a whole request means for its connection. The row is locked; True: leave it alone."""
    if failure.kind is FailureClass.AUTHENTICATION:
        connection.paused_reason, connection.paused_at = failure.words[:300], at
        connection.save(update_fields=["paused_reason", "paused_at"])
        record(
            kind=Kind.CRM_CONNECTION_CHANGED, subject=f"crm-connection:{connection.uid}", actor=ACTOR,
            data={"fields": ["paused"], "cause": "authentication"}, at=at,
        )  # fmt: skip
        return True
    if failure.kind is FailureClass.RATE_LIMITED:
        if failure.ours:  # our own budget: the jobs say when to come back
            return True
        wait = failure.wait if failure.wait is not None else FIRST_HOLD
    else:
        doubled = FIRST_HOLD * 2 ** min(connection.failing, MOST_FAILING)
        wait = max(min(doubled, LONGEST_HOLD), failure.wait or timedelta(0))
        connection.failing = min(connection.failing + 1, MOST_FAILING)
    connection.held_until, connection.held_reason = at + wait, failure.words[:300]
    connection.save(update_fields=["held_until", "held_reason", "failing"])
    return True
