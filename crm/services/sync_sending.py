"""Sending: a batch is claimed, looked up over there, decided field by field, written, and recorded.

Claim and record are a transaction each; between them the CRM is asked, with none open. Who dies in between
leaves a claim that lapses: the batch is looked up again, and what had arrived is found instead of made twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import structlog
from django.db import DatabaseError, transaction

from config.kit.locks import locked
from crm.connectors.base import Change, Ref, Seen, Written
from crm.domain.sync.failures import Failure, FailureClass
from crm.domain.sync.fields import BY_NAME, Mapped, ObjectKind
from crm.domain.sync.kinds import TRAITS, CrmKind
from crm.domain.sync.payloads import Decision, Facts, decide, digest, empty, same, wanted
from crm.models import Connection, CrmLink, SyncConflict, SyncJob
from crm.services.sync_access import Reached, connection_reach
from crm.services.sync_budget import Pace
from crm.services.sync_queueing import is_dirty, links_of
from crm.services.sync_recording import TAKEN, Done, Known, batch_record, takes_apply
from crm.sync_facts import facts_of

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=10)
"""How long a batch is one's own: longer than asking for each of its records takes."""


class Step(Enum):
    """What became of one step."""

    IDLE = "idle"  # nothing was due
    SENT = "sent"  # something was worked on, there may be more
    HELD = "held"  # the CRM or our budget says: later


@dataclass(frozen=True, slots=True)
class Batch:
    """Jobs that are one's own until the lease ends. `since` marks the claim."""

    connection_id: int
    kind: ObjectKind
    since: datetime
    jobs: Mapping[int, SyncJob] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done about one object: what is sent, what is taken, what is disputed."""

    facts: Facts
    ref: Ref
    seen: Seen
    send: Mapping[str, Any]
    agreed: Mapping[str, Any]
    take: Mapping[str, Any]
    disputed: Mapping[str, tuple[Any, Any]]
    links: Mapping[str, str]
    known: Known

    @property
    def is_needless(self) -> bool:
        return bool(self.seen.external_id) and not self.send and not self.links


def batch_send_next(*, connection_id: int, pace: Pace) -> Step:
    """Send the next batch of a connection. Reads the clock before and after it asks. Raises SealingKeyMissing."""
    connection = Connection.objects.get(pk=connection_id)
    reached = connection_reach(
        connection=connection, pace=pace
    )  # first: without credentials nothing is claimed
    batch = batch_claim(connection_id=connection_id, at=pace.clock())
    if batch is None:
        return Step.IDLE
    done = _work_safely(reached, batch)
    done = takes_apply(connection=connection, mapped=reached.mapping[batch.kind], done=done, at=pace.clock())
    held = batch_record(
        connection_id=connection_id, kind=batch.kind, since=batch.since, done=done, at=pace.clock()
    )
    return Step.HELD if held else Step.SENT


def batch_claim(*, connection_id: int, at: datetime) -> Batch | None:
    """Take what is due: companies before people before tasks. What failed once goes alone, so that it spoils none."""
    with transaction.atomic():
        connection = locked(Connection.objects.filter(pk=connection_id)).get()
        if not connection.is_running or (connection.held_until is not None and connection.held_until > at):
            return None
        for kind in ObjectKind:
            jobs = _due(connection, kind, at) if kind in connection.sends else []
            if jobs:
                ids = [job.pk for job in jobs]
                SyncJob.objects.filter(pk__in=ids).update(
                    state=SyncJob.State.CLAIMED, claimed_at=at, due_at=at + LEASE, tried=True
                )
                return Batch(connection.pk, kind, at, {job.object_id: job for job in jobs})
    return None


def _due(connection: Connection, kind: ObjectKind, at: datetime) -> list[SyncJob]:
    rows = SyncJob.objects.filter(
        connection=connection, kind=kind, due_at__lte=at,
        state__in=(SyncJob.State.WAITING, SyncJob.State.CLAIMED),
    ).order_by("due_at", "id")  # fmt: skip
    fresh = list(rows.filter(attempts=0)[: TRAITS[CrmKind(connection.kind)].batch])
    # after a request that failed as a whole, half as many: so the record that breaks the other side is found
    return fresh[: max(1, len(fresh) >> connection.failing)] or list(rows[:1])


def _work_safely(reached: Reached, batch: Batch) -> dict[int, Done]:
    """As `_work`; an answer that our own code stumbles over is no answer, and the next try is later."""
    try:
        return _work(reached, batch)
    except DatabaseError:
        raise
    except Exception as error:
        log.exception("crm_sync_stumbled", connection=batch.connection_id, kind=batch.kind)
        words = f"We could not make sense of an answer ({type(error).__name__})."
        failure = Failure(FailureClass.TRANSIENT, words, whole=True)
        return {pk: Done(failure=failure) for pk in batch.jobs}


def _work(reached: Reached, batch: Batch) -> dict[int, Done]:
    """Look, decide, write. Each job has an end, were it that somebody else is to try later."""
    kind, mapped = batch.kind, reached.mapping[batch.kind]
    facts = facts_of(reached.row, kind, batch.jobs)
    links = links_of(reached.row, kind, batch.jobs)
    done = {pk: Done() for pk in batch.jobs if pk not in facts}  # nothing to say of it any more
    live = {
        pk: said
        for pk, said in facts.items()
        if not _is_buried(links.get(pk)) and (batch.jobs[pk].run_id or is_dirty(said, mapped, links.get(pk)))
    }
    done |= {pk: Done() for pk in facts if pk not in live}
    plans = plans_make(reached, kind, live, links, {pk: batch.jobs[pk].tried for pk in live})
    ready = {pk: plan for pk, plan in plans.items() if isinstance(plan, Plan)}
    done |= {
        pk: Done(failure=plan, digest=digest(live[pk], mapped))
        for pk, plan in plans.items()
        if isinstance(plan, Failure)
    }
    return done | _write(reached, kind, mapped, ready)


def _is_buried(link: CrmLink | None) -> bool:
    return link is not None and link.tombstone_at is not None


def plans_make(
    reached: Reached,
    kind: ObjectKind,
    facts: Mapping[int, Facts],
    links: Mapping[int, CrmLink],
    tried: Mapping[int, bool],
) -> dict[int, Plan | Failure]:
    """Look the objects up and decide about each of their fields. Asks the CRM; writes nothing anywhere."""
    if not facts:
        return {}
    mapped = reached.mapping[kind]
    refs = {
        pk: Ref(said.uid, links[pk].external_id if pk in links else "", said.identity, tried.get(pk, False))
        for pk, said in facts.items()
    }
    names = [target.to for target in mapped.values() if target.to]
    disputes = _open_conflicts(
        reached.row, kind, facts
    )  # before: one that comes meanwhile is not settled by this
    looked = reached.connector.look(kind, list(refs.values()), names)
    plans: dict[int, Plan | Failure] = {}
    for pk, said in facts.items():
        seen = looked[refs[pk].key]
        if isinstance(seen, Failure):
            plans[pk] = seen
        else:
            plans[pk] = _plan(mapped, _Pair(said, refs[pk], seen, links.get(pk)), disputes.get(pk, set()))
    return plans | _doubles(reached.row, kind, plans)


def _doubles(row: Connection, kind: ObjectKind, plans: Mapping[int, Plan | Failure]) -> dict[int, Failure]:
    """Those whose record is another living object's, before one writes over the other's."""
    live = {pk: plan for pk, plan in plans.items() if isinstance(plan, Plan) and not plan.seen.deleted}
    ids = [plan.seen.external_id for plan in live.values() if plan.seen.external_id]
    links = CrmLink.objects.filter(connection=row, kind=kind, external_id__in=ids)
    holders = dict(links.values_list("external_id", "object_id"))
    others = set(holders.values()) - set(live)
    alive = set(live) | set(facts_of(row, kind, others) if others else ())
    owners = {("record", external): pk for external, pk in holders.items() if pk in alive}
    doubles = {}
    for pk, plan in live.items():
        there = plan.seen.external_id
        key = ("record", there) if there else ("identity", plan.facts.identity or plan.facts.uid)
        if owners.setdefault(key, pk) != pk:
            doubles[pk] = Failure(FailureClass.REJECTED, TAKEN)
    return doubles


def _open_conflicts(row: Connection, kind: ObjectKind, facts: Mapping[int, Facts]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    rows = SyncConflict.objects.filter(connection=row, kind=kind, object_id__in=list(facts), resolution="")
    for pk, name in rows.values_list("object_id", "field"):
        found.setdefault(pk, set()).add(name)
    return found


@dataclass(frozen=True, slots=True)
class _Pair:
    """An object of ours beside its record over there."""

    facts: Facts
    ref: Ref
    seen: Seen
    link: CrmLink | None


def _plan(mapped: Mapped, pair: _Pair, disputed: set[str]) -> Plan:
    facts, ref, seen, link = pair.facts, pair.ref, pair.seen, pair.link
    kind, insisted = facts.kind, set(link.insisted) if link else set()
    send: dict[str, Any] = {}
    agreed: dict[str, Any] = {}
    take: dict[str, Any] = {}
    conflicts: dict[str, tuple[Any, Any]] = {}
    for name, ours in wanted(facts, mapped).items():
        if not seen.external_id:
            if not empty(ours):
                send[name] = agreed[name] = ours
            continue
        theirs = seen.values.get(mapped[name].to)
        sent = link.sent.get(name) if link else None
        decision = decide(kind, name, mapped[name].rule, ours=ours, sent=sent, theirs=theirs)
        if name in insisted and decision is not Decision.KEEP:
            decision = Decision.SEND
        elif name in disputed and decision is not Decision.KEEP:
            decision = Decision.CONFLICT
        match decision:
            case Decision.SEND:
                send[name] = agreed[name] = ours
            case Decision.TAKE:
                take[name] = agreed[name] = theirs
            case Decision.CONFLICT:
                conflicts[name] = (ours, theirs)
            case Decision.KEEP if same(ours, theirs):
                agreed[name] = ours
    new_links = {to: other for to, other in facts.links.items() if not link or link.targets.get(to) != other}
    editable = {name: value for name, value in agreed.items() if BY_NAME[kind, name].is_typed}
    known = Known(link.digest if link else "", frozenset(insisted), frozenset(disputed))
    return Plan(facts, ref, seen, send, editable, take, conflicts, new_links, known)


def _write(reached: Reached, kind: ObjectKind, mapped: Mapped, plans: Mapping[int, Plan]) -> dict[int, Done]:
    """Write what has to be written; what is already there as it should be is only recorded."""
    gone = {
        pk: Done(deleted=True, external_id=plan.seen.external_id)
        for pk, plan in plans.items()
        if plan.seen.deleted
    }
    changes = {
        pk: _change(mapped, plan) for pk, plan in plans.items() if pk not in gone and not plan.is_needless
    }
    wrote = reached.connector.write(kind, list(changes.values())) if changes else {}
    done: dict[int, Done] = dict(gone)
    for pk, plan in plans.items():
        if pk in gone:
            continue
        result = wrote.get(changes[pk].key) if pk in changes else Written(plan.seen.external_id)
        if isinstance(result, Written):
            done[pk] = _success(mapped, plan, result)
        elif isinstance(result, Failure):
            done[pk] = Done(
                failure=result, digest=digest(plan.facts, mapped), external_id=plan.seen.external_id
            )
    return done


def _change(mapped: Mapped, plan: Plan) -> Change:
    values = {mapped[name].to: value for name, value in plan.send.items()}
    return Change(plan.ref.key, plan.seen.external_id, plan.facts.identity, values, plan.links)


def _success(mapped: Mapped, plan: Plan, written: Written) -> Done:
    """With the hash of the object as it is once what was taken stands in it: the next look finds it clean."""
    values = {**plan.facts.values, **plan.take}
    return Done(
        external_id=written.external_id,
        digest=digest(replace(plan.facts, values=values), mapped),
        agreed=plan.agreed,
        targets=dict(plan.facts.links),
        take=plan.take,
        disputed=plan.disputed,
        is_new=not plan.seen.external_id,
        was_sent=not plan.is_needless,
        known=plan.known,
        facts=plan.facts,
    )
