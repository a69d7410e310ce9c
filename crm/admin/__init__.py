from __future__ import annotations

from accounts.admin.roles import area_register
from crm.admin import account_tab, conflicts, connections, naming, people, rules, section, sync_jobs, tasks

area_register("crm", "CRM")

__all__ = [
    "account_tab",
    "conflicts",
    "connections",
    "naming",
    "people",
    "rules",
    "section",
    "sync_jobs",
    "tasks",
]
