"""Connections to an outside CRM: made, changed, given other credentials, switched, mapped, removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from config.kit.enqueue import enqueue
from config.kit.errors import FieldError, Invalid, NotFound
from config.kit.locks import locked
from config.kit.sealing import reseal, seal
from config.kit.targets import UnfitUrlError, target_parse
from config.kit.validation import check_fields
from crm.domain.sync.failures import Failure
from crm.domain.sync.fields import (
    IDENTITY,
    ObjectKind,
    RemoteField,
    Rule,
    Target,
    mapping_detect,
    remote_write,
    targets_write,
)
from crm.domain.sync.kinds import TRAITS, CrmKind
from crm.models import Connection, SyncJob
from crm.services.sync_access import connection_reach, mapping_of, remote_of, sensibly
from crm.services.sync_budget import Pace
from crm.services.sync_queueing import TASK
from crm.services.sync_workspaces import is_another, workspace_ask, workspace_leave, workspace_refuse
from crm.sync_errors import CrmNotReached, TooManyConnections
from history.domain.kinds import Kind
from history.services import record

MOST_CONNECTIONS = 5
MOST_SECRET = 1000
CHANGEABLE = ("name", "base_url", "sends", "budget_requests", "budget_seconds")


def connection_create(
    *, kind: str, name: str, base_url: str = "", token: str, secret: str = "", actor: str, at: datetime
) -> Connection:
    """Add a connection, switched off and not mapped yet. Its credentials are sealed and never shown again.

    Raises Invalid with one entry a field, TooManyConnections.
    """
    if kind not in TRAITS:
        raise Invalid([FieldError("kind", "unknown_crm", "There is no connector for this CRM.")])
    traits = TRAITS[CrmKind(kind)]
    row = Connection(
        kind=kind,
        name=name.strip(),
        base_url=(base_url.strip() or traits.address).rstrip("/"),
        token_sealed=seal(_secret("token", token)),
        secret_sealed=seal(_secret("secret", secret)) if secret.strip() else None,
        budget_requests=traits.requests,
        budget_seconds=traits.seconds,
        budget_left=traits.requests,  # a full bucket, however little it holds
        budget_at=at,
        created_by=actor,
        created_at=at,
    )
    _check(row)
    with transaction.atomic():
        if Connection.objects.count() >= MOST_CONNECTIONS:
            raise TooManyConnections
        row.save(force_insert=True)
        _record(Kind.CRM_CONNECTION_CREATED, row, actor, at, crm=str(row.kind))
    return row


def connection_update(
    *, connection: Connection, changes: Mapping[str, Any], token: str = "", actor: str, at: datetime
) -> Connection:
    """Change any of `CHANGEABLE`. Another address needs the credential of what is there. Raises Invalid, NotFound."""
    with transaction.atomic():
        row = _lock(connection)
        changed = []
        for name, value in changes.items():
            if name not in CHANGEABLE:
                raise Invalid([FieldError(name, "unknown_field", "This cannot be changed.")])
            clean = value.strip().rstrip("/") if isinstance(value, str) else value
            if getattr(row, name) != clean:
                setattr(row, name, clean)
                changed.append(name)
        _check(row)
        if "base_url" in changed:
            _move(row, token)
        if token.strip():
            _refuse_unasked(row, token)
            row.token_sealed = seal(_secret("token", token))
            _go_on(row)
            changed.append("credentials")
        if "sends" in changed:
            row.cursor = {}  # of a kind that is new nothing was looked at yet
        if changed:
            row.save()
            _record(Kind.CRM_CONNECTION_CHANGED, row, actor, at, fields=sorted(changed))
        if "credentials" in changed and row.is_running:
            enqueue(TASK)
    return row


def _move(row: Connection, token: str) -> None:
    """Leave for another address. What is sealed is shown to nobody there, and nothing of the old one is believed.

    Ids of the old one would all be missing at the new one, which looks as if everybody had been deleted there.
    """
    if row.links.exists() or row.jobs.filter(state=SyncJob.State.CLAIMED).exists():
        words = (
            "Its records are linked to those at the old address. Make a new connection, and remove this one."
        )
        raise Invalid([FieldError("base_url", "linked", words)])
    if not token.strip():
        words = "Give the credential for the new address: the one that is kept is not sent there."
        raise Invalid([FieldError("token", "required", words)])
    row.jobs.all().delete()
    row.enabled, row.detected_at, row.remote, row.cursor, row.workspace = False, None, {}, {}, ""


def _refuse_unasked(row: Connection, token: str) -> None:
    """Where the CRM must be asked whose credential it is, it goes in as a credential, and not by the way."""
    if row.workspace and row.links.exists():
        raise Invalid([FieldError("token", "not_here", "Change it under “Credentials”.")])
    if is_another(row, token.strip(), ""):
        workspace_refuse(row)


def connection_credentials(
    *,
    connection: Connection,
    token: str = "",
    secret: str = "",
    forget: bool = False,
    actor: str,
    pace: Pace,
) -> Connection:
    """Put other credentials in; empty: it stays. A pause for authentication ends.

    One of another workspace is refused once records are linked, unless they are to be forgotten (`forget`): a key of
    Twenty names its workspace, HubSpot is asked. Never within a transaction. Raises Invalid, NotFound.
    """
    clean = _secret("token", token).decode() if token.strip() else ""
    named, at = workspace_ask(connection, clean, pace), pace.clock()
    with transaction.atomic():
        row, changed = _lock(connection), []
        if clean:
            if is_another(row, clean, named):
                _change_workspace(row, named, forget=forget)
            row.token_sealed, changed = seal(clean.encode()), ["token_sealed"]
        if secret.strip():
            row.secret_sealed, changed = seal(_secret("secret", secret)), [*changed, "secret_sealed"]
        if not changed:
            raise Invalid([FieldError("token", "required", "Give a new credential, or a new secret.")])
        _go_on(row)
        row.save()
        _record(Kind.CRM_CONNECTION_CHANGED, row, actor, at, fields=["credentials"])
        if row.is_running:
            enqueue(TASK)
    return row


def _change_workspace(row: Connection, named: str, *, forget: bool) -> None:
    if forget:
        workspace_leave(row, named)
    else:
        workspace_refuse(row)


def connection_switch(*, connection: Connection, enabled: bool, actor: str, at: datetime) -> Connection:
    """Let it send, or stop it. Switching on ends a pause. Raises Invalid when nothing is mapped yet."""
    with transaction.atomic():
        row = _lock(connection)
        if enabled and not row.detected_at:
            raise Invalid(
                [FieldError("", "not_mapped", "Read the fields of the CRM first: nothing is mapped yet.")]
            )
        row.enabled = enabled
        if enabled:
            _go_on(row)
        row.save()
        _record(Kind.CRM_CONNECTION_CHANGED, row, actor, at, fields=["enabled"], enabled=enabled)
        if enabled:
            enqueue(TASK)
    return row


def connection_detect(*, connection: Connection, actor: str, pace: Pace) -> Connection:
    """Ask the CRM which fields it has and map ours to them; what was chosen by hand stays.

    Asks over the network: never within a transaction. Raises CrmNotReached, SealingKeyMissing, NotFound.
    """
    reached = connection_reach(connection=connection, pace=pace)
    found = sensibly(reached.connector.detect)
    if isinstance(found, Failure):
        raise CrmNotReached(found.words)
    named = sensibly(reached.connector.workspace)
    at = pace.clock()
    with transaction.atomic():
        row = _lock(connection)
        kept, before = mapping_of(row), row.mapping
        row.remote = {kind: remote_write(fields) for kind, fields in found.items()}
        row.mapping = {
            kind: targets_write(mapping_detect(kind, found.get(kind, []), kept[kind])) for kind in ObjectKind
        }
        row.detected_at = at
        row.cursor = row.cursor if row.mapping == before else {}
        # what does not say it costs the check alone; with records linked, theirs is the workspace that counts
        if isinstance(named, str) and not (row.workspace and row.links.exists()):
            row.workspace = named
        row.save(update_fields=["remote", "mapping", "detected_at", "cursor", "workspace"])
        _record(Kind.CRM_CONNECTION_CHANGED, row, actor, at, fields=["mapping"], cause="detected")
    return row


def connection_map(
    *,
    connection: Connection,
    kind: ObjectKind,
    chosen: Mapping[str, tuple[str, str]],
    actor: str,
    at: datetime,
) -> Connection:
    """Choose for our fields where they go and who wins: our name → (their name, or nothing; rule).

    What changes by it is dirty: every record is compared with its hash again. Raises Invalid, NotFound.
    """
    with transaction.atomic():
        row = _lock(connection)
        mapped, remote = mapping_of(row)[kind], {field.name: field for field in remote_of(row, kind)}
        errors, taken = list[FieldError](), dict[str, str]()
        changed = []
        for name, (to, rule) in chosen.items():
            old = mapped.get(name)
            problem = _target_problem(kind, name, to, rule, remote)
            if old is None or problem:
                errors.append(FieldError(name, "bad_target", problem or "There is no such field."))
                continue
            if (old.to, old.rule) != (to, Rule(rule)):
                there = remote.get(to)
                chosen_target = Target(to, Rule(rule), chosen=True)
                mapped[name] = (
                    replace(chosen_target, type=there.type, options=there.options) if there else chosen_target
                )
                changed.append(name)
        for name, target in mapped.items():
            if target.to and target.to in taken:
                errors.append(FieldError(name, "taken", f"{target.to} is used by another field already."))
            taken[target.to] = name
        if errors:
            raise Invalid(errors)
        if changed:
            row.mapping = {**row.mapping, kind: targets_write(mapped)}
            row.cursor = {}
            row.save(update_fields=["mapping", "cursor"])
            _record(Kind.CRM_CONNECTION_CHANGED, row, actor, at, fields=["mapping"], changed=len(changed))
    return row


def _target_problem(
    kind: ObjectKind, name: str, to: str, rule: str, remote: Mapping[str, RemoteField]
) -> str:
    if rule not in set(Rule):
        return "There is no such rule."
    if to and to not in remote:
        return "There is no such field in the CRM."
    if name == IDENTITY.get(kind) and not to:
        return "Records are found by this field: it must go somewhere."
    return ""


def connection_delete(*, connection: Connection, actor: str, at: datetime) -> int:
    """Remove a connection with all that it remembers; return how many links. Nothing changes over there.

    Raises NotFound.
    """
    with transaction.atomic():
        row = _lock(connection)
        links = row.links.count()
        _record(Kind.CRM_CONNECTION_DELETED, row, actor, at, links=links)
        row.delete()
    return links


def connections_reseal() -> int:
    """Seal every credential again under the first key-encryption key; return how many rows. Safe to repeat."""
    count = 0
    for pk in Connection.objects.values_list("pk", flat=True):
        with transaction.atomic():
            row = locked(Connection.objects.filter(pk=pk)).get()
            row.token_sealed = reseal(bytes(row.token_sealed))
            row.secret_sealed = reseal(bytes(row.secret_sealed)) if row.secret_sealed else None
            row.save(update_fields=["token_sealed", "secret_sealed"])
        count += 1
    return count


def _go_on(row: Connection) -> None:
    row.paused_reason, row.paused_at = "", None
    row.held_until, row.held_reason, row.failing = None, "", 0


def _lock(connection: Connection) -> Connection:
    row = locked(Connection.objects.filter(pk=connection.pk)).first()
    if row is None:
        raise NotFound("There is no such connection.")
    return row


def _secret(name: str, text: str) -> bytes:
    """Credentials go into headers: one line of visible ASCII."""
    clean = text.strip()
    if (
        not clean
        or len(clean) > MOST_SECRET
        or not clean.isascii()
        or not clean.isprintable()
        or " " in clean
    ):
        raise Invalid(
            [FieldError(name, "bad_credential", "This is no credential: one line, without spaces.")]
        )
    return clean.encode()


def _check(row: Connection) -> None:
    errors = []
    try:
        target_parse(row.base_url, insecure=settings.WEBHOOK_ALLOW_INSECURE)
    except UnfitUrlError as error:
        errors.append(FieldError("base_url", error.code, error.detail))
    if "?" in row.base_url or "#" in row.base_url:
        errors.append(FieldError("base_url", "bad_url", "The address is that of the CRM, without a query."))
    unknown = [kind for kind in row.sends if kind not in set(ObjectKind)]
    if unknown or not row.sends:
        errors.append(FieldError("sends", "unknown_kind", "Choose what is sent: companies, people, tasks."))
    if errors:
        raise Invalid(errors)
    check_fields(row, ("name", "base_url", "budget_requests", "budget_seconds"))


def _record(kind: Kind, row: Connection, actor: str, at: datetime, **data: Any) -> None:
    record(kind=kind, subject=f"crm-connection:{row.uid}", actor=actor, data=data, at=at)
