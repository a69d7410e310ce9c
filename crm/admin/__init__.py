from __future__ import annotations

from accounts.admin.roles import area_register
from crm.admin import account_tab, naming, people, rules, section, tasks

area_register("crm", "CRM")

__all__ = ["account_tab", "naming", "people", "rules", "section", "tasks"]
