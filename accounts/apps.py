from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.db.models.signals import post_migrate

from config.kit.migrated import is_last


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts and access"

    def ready(self) -> None:
        from accounts.services.second_factor import secrets_reseal
        from config.kit.sealing import store_register

        store_register("second_factors", secrets_reseal)
        post_migrate.connect(_sync_roles, dispatch_uid="accounts.roles_sync")


def _sync_roles(sender: AppConfig, apps: Any = installed, **_: Any) -> None:
    """Once a migration, after the last app: only then do the permissions of all apps exist."""
    if not is_last(sender):
        return
    try:
        apps.get_model("auth", "Group")
    except LookupError:  # migrated back to before there were groups
        return
    from accounts.roles import roles_sync

    roles_sync()
