"""From a connection's row to a connector that may speak for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings

from config.kit.sealing import unseal
from crm.connectors import connector_of
from crm.connectors.base import Access, Connector
from crm.domain.sync.fields import Mapped, ObjectKind, RemoteField, remote_read, targets_read
from crm.domain.sync.kinds import CrmKind
from crm.models import Connection
from crm.services.sync_budget import Pace, request_spend

TARGETS = "taskTargets"


@dataclass(frozen=True, slots=True)
class Reached:
    """A connection, its connector and its mapping, as they are at this moment."""

    row: Connection
    connector: Connector
    mapping: dict[ObjectKind, Mapped]


def connection_reach(*, connection: Connection, pace: Pace) -> Reached:
    """Unseal the credentials and return what speaks to the CRM. Raises SealingKeyMissing (503)."""
    access = Access(
        base=connection.base_url,
        token=unseal(bytes(connection.token_sealed)).decode(),
        spend=partial(request_spend, connection_id=connection.pk, pace=pace),
        clock=pace.clock,
        insecure=settings.WEBHOOK_ALLOW_INSECURE,
        names={TARGETS: _targets(connection)},
    )
    connector = connector_of(CrmKind(connection.kind), access)
    return Reached(connection, connector, mapping_of(connection))


def mapping_of(connection: Connection) -> dict[ObjectKind, Mapped]:
    return {kind: targets_read(kind, connection.mapping.get(kind, {})) for kind in ObjectKind}


def remote_of(connection: Connection, kind: ObjectKind) -> list[RemoteField]:
    return remote_read(connection.remote.get(kind, []))


def _targets(connection: Connection) -> list[str]:
    """How the relations of a task are called in this workspace."""
    names = [field.name for field in remote_of(connection, ObjectKind.TASK)]
    return [name.partition(".")[2] for name in names if name.startswith(f"{TARGETS}.")]


def shown(value: Any) -> str:
    """A value as it stands in a table."""
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return text[:500]
