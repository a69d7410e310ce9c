"""What an outside CRM tells by webhook: verified, kept once, answered; then worked on in its own transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction

from config.kit.enqueue import enqueue
from config.kit.errors import Malformed, NotFound, Unauthenticated
from config.kit.locks import locked
from config.kit.sealing import unseal
from crm.domain.sync.failures import answer_json
from crm.domain.sync.fields import BY_NAME, ObjectKind, Rule
from crm.domain.sync.inbound import (
    RemoteChange,
    hubspot_changes,
    hubspot_signed,
    twenty_changes,
    twenty_signed,
)
from crm.domain.sync.kinds import CrmKind
from crm.domain.sync.payloads import Decision, Facts, as_theirs, decide
from crm.models import Connection, CrmLink, InboundChange, SyncConflict
from crm.services.sync_access import mapping_of, shown
from crm.services.sync_queueing import TASK, jobs_queue, link_outdate
from crm.services.sync_recording import conflict_note, link_bury, link_raise
from crm.services.sync_taking import CUT, values_take
from crm.sync_facts import facts_of

BATCH = 100
KEPT = timedelta(days=30)

log = structlog.get_logger(__name__)


class NotSigned(Unauthenticated):
    code = "crm_webhook_not_signed"
    title = "The signature does not hold."


def webhook_receive(
    *, uid: str, headers: Mapping[str, str], method: str, uri: str, body: bytes, at: datetime
) -> int:
    """Keep what a signed webhook says; return how much of it is new. Work on it follows after the commit.

    `headers` have names in lower case. Raises NotFound for a connection that there is not or that has no
    secret, NotSigned, Malformed.
    """
    connection = Connection.objects.filter(uid=uid).exclude(secret_sealed=None).first()
    if connection is None:
        raise NotFound
    secret = unseal(bytes(connection.secret_sealed or b"")).decode()
    if connection.kind == CrmKind.HUBSPOT:
        signed = hubspot_signed(headers, method=method, uri=uri, body=body, secret=secret, at=at)
    else:
        signed = twenty_signed(headers, body=body, secret=secret, at=at)
    if not signed:
        raise NotSigned
    said = answer_json(body)
    if said is None:
        raise Malformed("The body is no JSON.")
    changes = (
        hubspot_changes(said, at=at) if connection.kind == CrmKind.HUBSPOT else twenty_changes(said, at=at)
    )
    return _keep(connection, changes, at)


def _keep(connection: Connection, changes: list[RemoteChange], at: datetime) -> int:
    new = {change.key: change for change in changes}
    with transaction.atomic():
        known = InboundChange.objects.filter(connection=connection, key__in=list(new))
        for key in known.values_list("key", flat=True):
            new.pop(key, None)
        InboundChange.objects.bulk_create(
            [
                InboundChange(
                    connection=connection, key=one.key, kind=one.kind, external_id=one.external_id,
                    values={name[:100]: shown(value) for name, value in list(one.values.items())[:100]},
                    deleted=one.deleted, restored=one.restored, at=one.at, received_at=at,
                )
                for one in new.values()
            ],
            ignore_conflicts=True,
        )  # fmt: skip
        if new:
            enqueue(TASK)
    return len(new)


def inbound_apply(*, connection_id: int, at: datetime) -> int:
    """Work on what was told, in its order, each in a transaction of its own; return how many. Safe to repeat."""
    waiting = InboundChange.objects.filter(connection_id=connection_id, applied_at=None).order_by("id")
    ids = list(waiting.values_list("pk", flat=True)[:BATCH])
    for pk in ids:
        try:
            _apply_one(connection_id, pk, at)
        except (OperationalError, InterfaceError):
            raise  # the next run takes it up when the database is back
        except Exception as error:
            log.exception("crm_inbound_failed", change=pk)
            failed = InboundChange.objects.filter(pk=pk, applied_at=None)
            failed.update(applied_at=at, outcome=f"It could not be worked on ({type(error).__name__}).")
    return len(ids)


def _apply_one(connection_id: int, pk: int, at: datetime) -> None:
    with transaction.atomic():
        connection = locked(Connection.objects.filter(pk=connection_id)).get()
        row = locked(InboundChange.objects.filter(pk=pk, applied_at=None)).first()
        if row is not None:
            row.outcome, row.applied_at = _apply(connection, row, at), at
            row.save(update_fields=["outcome", "applied_at"])


def inbound_expire(*, at: datetime) -> int:
    """Forget what was worked on long ago, and the conflicts that were decided then: they name people."""
    SyncConflict.objects.exclude(resolution="").filter(resolved_at__lt=at - KEPT).delete()
    old = InboundChange.objects.filter(received_at__lt=at - KEPT, applied_at__isnull=False)
    return old.delete()[0]


def _apply(connection: Connection, row: InboundChange, at: datetime) -> str:
    link = CrmLink.objects.filter(connection=connection, kind=row.kind, external_id=row.external_id).first()
    if link is None:
        return "Not one of ours."
    kind = ObjectKind(row.kind)
    if row.deleted:
        link_bury(
            connection=connection, kind=kind, object_id=link.object_id, external_id=row.external_id, at=at
        )
        return "Deleted over there: it is not sent any more."
    if row.restored:
        if link.tombstone_at is not None:
            link_raise(link=link, at=at)
        return "Restored over there: it is sent again."
    if link.tombstone_at is not None:
        return "Deleted over there before."
    return _compare(connection, kind, link, row.values, at)


def _compare(
    connection: Connection, kind: ObjectKind, link: CrmLink, values: Mapping[str, Any], at: datetime
) -> str:
    """Take what only they changed; list what both changed; restore, with the next batch, what is ours alone."""
    facts = facts_of(connection, kind, [link.object_id]).get(link.object_id)
    if facts is None:
        return "There is nothing of ours behind it any more."
    take, said, restore = dict[str, tuple[Any, Any]](), list[str](), False
    for name, ours, theirs, rule in _told(connection, kind, facts.values, values):
        decision = decide(kind, name, rule, ours=ours, sent=link.sent.get(name), theirs=theirs)
        match decision:
            case Decision.TAKE:
                take[name] = (ours, theirs)
            case Decision.CONFLICT:
                conflict_note(
                    connection=connection, kind=kind, object_id=link.object_id, name=name,
                    ours=ours, theirs=theirs, at=at,
                )  # fmt: skip
                said.append(f"{name}: both changed")
            case Decision.SEND:
                restore = True
    said += _take(link, kind, facts, take, at)
    if restore:
        link_outdate(link)
        link.save(update_fields=["digest"])
        jobs_queue(connection=connection, kind=kind, ids=[link.object_id], at=at)
        said.append("ours is sent again")
    return "; ".join(said)[:200] or "As it is here."


def _take(
    link: CrmLink, kind: ObjectKind, facts: Facts, take: Mapping[str, tuple[Any, Any]], at: datetime
) -> list[str]:
    """What is refused here, or changed this moment, is for somebody to decide."""
    if not take:
        return []
    about: dict[str, Any] = {
        "connection": link.connection,
        "kind": kind,
        "object_id": link.object_id,
        "at": at,
    }
    theirs = {name: value for name, (_ours, value) in take.items()}
    taken = values_take(values=theirs, planned=facts.values, **about)
    refused = sorted(set(take) - taken)
    for name in refused:
        conflict_note(name=name, ours=take[name][0], theirs=theirs[name], **about)
    if taken:
        link.sent = {**link.sent, **{name: theirs[name] for name in taken}}
        link.save(update_fields=["sent"])
    said = [f"taken: {', '.join(sorted(taken))}"] if taken else []
    return said + [f"{name}: our own rules refuse it" for name in refused]


def _told(
    connection: Connection, kind: ObjectKind, facts: Mapping[str, Any], values: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any, Rule]]:
    """Of the fields that were told of, those that are mapped: our name, ours in their form, theirs, the rule."""
    for name, target in mapping_of(connection)[kind].items():
        said = values.get(target.to)
        was_cut = isinstance(said, str) and len(said) >= CUT  # the next look sees the whole of it
        if target.to in values and not was_cut and (kind, name) in BY_NAME:
            yield name, as_theirs(kind, name, facts.get(name), target), values[target.to], target.rule
