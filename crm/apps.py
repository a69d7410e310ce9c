from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.db.models.signals import post_migrate


class CrmConfig(AppConfig):
    name = "crm"
    verbose_name = "CRM"

    def ready(self) -> None:
        from accounts.owners import Rule, owner_rule
        from accounts.roles import permissions_register
        from crm import menu, sync_setup
        from crm.gate import is_shown
        from crm.rights import PERMISSIONS
        from crm.services.reading import KINDS, READER, follow, people_follow, tasks_follow
        from history.services import reader_register
        from trials.tracking import tracker_register

        permissions_register(PERMISSIONS)
        owner_rule("crm.Person", "account", Rule(loose=True, mover=people_follow))
        owner_rule("crm.Task", "account", Rule(loose=True, mover=tasks_follow))
        reader_register(READER, follow, kinds=KINDS)
        tracker_register(is_shown)
        menu.register()
        sync_setup.register(menu.SECTION)
        post_migrate.connect(_begin_rules, sender=self, dispatch_uid="crm.task_rules_ensure")


def _begin_rules(apps: Any = installed, **_: Any) -> None:
    """After a migration of this app that made the table."""
    try:
        apps.get_model("crm", "TaskRule")
    except LookupError:  # migrated back to before there were rules
        return
    from crm.services.tasks import task_rules_ensure

    task_rules_ensure()
