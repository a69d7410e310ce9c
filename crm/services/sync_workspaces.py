"""Whose records a connection's credential shows: in another workspace everybody would seem deleted."""

from __future__ import annotations

from config.kit.errors import FieldError, Invalid
from config.kit.sealing import SealingKeyMissing, unseal
from crm.domain.sync.credentials import workspace_of
from crm.domain.sync.failures import Failure
from crm.models import Connection, SyncJob
from crm.services.sync_access import connection_reach, sensibly
from crm.services.sync_budget import Pace

ANOTHER = (
    "This is a credential of another workspace, where everybody would seem deleted. Make a new connection, or have all "
    "links forgotten."
)
UNTOLD = "The CRM does not say whose credential this is, and records are linked. {words}"
UNDER_WAY = "A batch is on its way. Switch the connection off, and try again in a minute."


def workspace_ask(connection: Connection, token: str, pace: Pace) -> str:
    """What the CRM calls the workspace of a new credential, where that matters; empty where nobody needs to ask.

    Asks over the network: never within a transaction. Raises Invalid when it does not say.
    """
    row = Connection.objects.filter(pk=connection.pk).exclude(workspace="").first()
    if row is None or not token or token == _kept(row) or not row.links.exists():
        return ""
    reached = connection_reach(connection=row, token=token, pace=pace)
    found = sensibly(reached.connector.workspace)
    if isinstance(found, Failure):
        raise Invalid([FieldError("token", "workspace_unknown", UNTOLD.format(words=found.words))])
    return found


def is_another(row: Connection, token: str, named: str) -> bool:
    """Does a new credential show other records? By what the CRM said of it, or by what it says itself."""
    before = row.workspace or workspace_of(_kept(row))
    after = named or workspace_of(token)
    return bool(before and after and before != after)


def _kept(row: Connection) -> str:
    try:
        return unseal(bytes(row.token_sealed)).decode()
    except SealingKeyMissing:  # a new credential is the way out of that
        return ""


def workspace_refuse(row: Connection) -> None:
    """Raises Invalid when records are linked that another credential would not show."""
    if row.links.exists():
        raise Invalid([FieldError("token", "another_workspace", ANOTHER)])


def workspace_leave(row: Connection, named: str) -> None:
    """Forget which record over there is which of ours, in the transaction of the change; all is looked up again.

    Raises Invalid while a batch is on its way: it would write the links down again.
    """
    if row.jobs.filter(state=SyncJob.State.CLAIMED).exists():
        raise Invalid([FieldError("forget", "under_way", UNDER_WAY)])
    for rows in (row.links, row.jobs, row.conflicts, row.inbound, row.runs):
        rows.all().delete()
    row.workspace, row.cursor = named, {}
