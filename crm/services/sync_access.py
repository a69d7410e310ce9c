"""From a connection's row to a connector that may speak for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import DatabaseError

from config.kit.errors import Refusal
from config.kit.sealing import unseal
from crm.connectors import connector_of
from crm.connectors.base import Access, Connector
from crm.domain.sync.fields import Mapped, ObjectKind, RemoteField, remote_read, targets_read
from crm.domain.sync.kinds import CrmKind
from crm.models import Connection
from crm.services.sync_budget import Pace, request_spend
from crm.sync_errors import CrmNotReached

TARGETS = "taskTargets"
T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reached:
    """A connection, its connector and its mapping, as they are at this moment."""

    row: Connection
    connector: Connector
    mapping: dict[ObjectKind, Mapped]


def connection_reach(*, connection: Connection, token: str = "", pace: Pace) -> Reached:
    """Unseal the credentials, or take another `token`, and return what speaks to the CRM.

    Raises SealingKeyMissing (503).
    """
    access = Access(
        base=connection.base_url,
        token=token or unseal(bytes(connection.token_sealed)).decode(),
        spend=partial(request_spend, connection_id=connection.pk, pace=pace),
        clock=pace.clock,
        insecure=settings.WEBHOOK_ALLOW_INSECURE,
        names={TARGETS: _targets(connection)},
    )
    connector = connector_of(CrmKind(connection.kind), access)
    return Reached(connection, connector, mapping_of(connection))


def sensibly(ask: Callable[[], T]) -> T:
    """Call what asks a CRM while somebody waits. What our own code stumbles over is no answer: CrmNotReached."""
    try:
        return ask()
    except (DatabaseError, Refusal):
        raise
    except Exception as error:
        log.exception("crm_sync_stumbled")
        raise CrmNotReached(f"We could not make sense of an answer ({type(error).__name__}).") from error


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
