"""What the roles of staff may do here; `accounts.roles` knows nothing of it."""

from __future__ import annotations

from accounts import roles

_VIEW = ("crm.view_person", "crm.view_task", "crm.view_taskrule")
_WORK = (*_VIEW, "crm.manage_people", "crm.manage_tasks")

PERMISSIONS: dict[str, tuple[str, ...]] = {
    roles.LICENSE_MANAGER: (*_WORK, "crm.erase_people", "crm.change_taskrule"),
    roles.SALES: _WORK,
    roles.CUSTOMER_SUCCESS: _WORK,
    roles.SUPPORT: _WORK,
    roles.AUDITOR: _VIEW,
}
