from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.db.models.signals import post_migrate

from config.kit.migrated import is_last


class HistoryConfig(AppConfig):
    name = "history"
    verbose_name = "History"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(_ensure_readers, dispatch_uid="history.readers_ensure")


def _ensure_readers(sender: AppConfig, apps: Any = installed, **_: Any) -> None:
    """Once a migration, after the last app."""
    if not is_last(sender):
        return
    try:
        apps.get_model("history", "Reader")
    except LookupError:  # migrated back to before there was a history
        return
    from config.kit.clock import now
    from history.services import readers_ensure

    readers_ensure(at=now())
