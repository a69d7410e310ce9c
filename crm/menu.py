"""The section of the menu (D18), and whatever registers itself into it by `entry_register("crm", …)`."""

from __future__ import annotations

from config.kit.navigation import Entry, Section, entry_register, needs, section_register
from crm.gate import is_shown

SECTION = "crm"
ACTIVATE = "accounts.activate_module"

ENTRIES = (
    Entry(
        "License generator", "draw", "admin:licenses_license_add",
        needs("licenses.create_commercial", "licenses.create_test"),
    ),
    Entry(
        "Customer accounts", "domain", "admin:accounts_account_changelist",
        needs("accounts.view_account", "accounts.manage_account"),
    ),
    Entry("People", "contacts", "admin:crm_person_changelist", needs("crm.view_person")),
    Entry(
        "Tasks", "task_alt", "admin:crm_task_changelist", needs("crm.view_task"),
        besides=("admin:crm_task_board", "admin:crm_task_renewals"),
    ),
    Entry("Task board", "view_kanban", "admin:crm_task_board", needs("crm.view_task")),
    Entry("Renewals", "autorenew", "admin:crm_task_renewals", needs("crm.view_task")),
    Entry("Task rules", "rule", "admin:crm_taskrule_changelist", needs("crm.view_taskrule")),
    Entry(
        "Update server", "deployed_code_update", "admin:licenses_release_changelist",
        needs("licenses.view_release"),
    ),
)  # fmt: skip
SWITCH = Entry("Modules", "extension", "admin:crm_section_changelist", needs(ACTIVATE))


def register() -> None:
    """Called once, when the app starts. The switch stands under "System", for superadmins to find it."""
    section_register(Section(name=SECTION, title="CRM", after="Customers", shown=is_shown))
    for number, entry in enumerate(ENTRIES):
        entry_register(SECTION, entry, order=10 * (number + 1))
    entry_register("System", SWITCH)
