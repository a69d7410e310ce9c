"""What the sync registers when the app starts: menu, rights, readers, sealed stores, what waits for a person."""

from __future__ import annotations

from accounts import roles
from accounts.roles import permissions_register
from config.kit.navigation import Entry, entry_register, needs
from config.kit.sealing import store_register
from crm import sync_attention
from crm.services.sync_connections import connections_reseal
from crm.services.sync_queueing import KINDS, READER, account_follow
from history.services import reader_register

MANAGE = "crm.manage_sync"
_VIEW = ("crm.view_connection", "crm.view_syncjob", "crm.view_syncconflict")
PERMISSIONS: dict[str, tuple[str, ...]] = {
    roles.LICENSE_MANAGER: (*_VIEW, MANAGE),
    roles.SALES: _VIEW,
    roles.CUSTOMER_SUCCESS: _VIEW,
    roles.SUPPORT: _VIEW,
    roles.AUDITOR: _VIEW,
}
ENTRIES = (
    Entry("Outside CRM", "sync", "admin:crm_connection_changelist", needs("crm.view_connection", MANAGE)),
    Entry("Sync queue", "sync_problem", "admin:crm_syncjob_changelist", needs("crm.view_syncjob", MANAGE)),
    Entry(
        "Conflicts", "call_split", "admin:crm_syncconflict_changelist", needs("crm.view_syncconflict", MANAGE)
    ),
)


def register(section: str) -> None:
    """Called once, when the app starts, with the section of the menu that the pages belong to."""
    permissions_register(PERMISSIONS)
    for number, entry in enumerate(ENTRIES):
        entry_register(section, entry, order=200 + 10 * number)
    reader_register(READER, account_follow, kinds=KINDS, from_start=False)
    store_register("crm_credentials", connections_reseal)
    sync_attention.register()
