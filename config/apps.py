"""The composition root as a Django app: its commands and checks."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

from config.kit.migrated import is_last


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Signet"

    def ready(self) -> None:
        from accounts import searching as _accounts  # noqa: F401 - importing registers its search index
        from config import attention_sources, checks, health  # noqa: F401 - importing registers checks and hot paths
        from licenses import searching as _licenses  # noqa: F401 - importing registers its search index

        attention_sources.register()
        post_migrate.connect(_make_search_indexes, dispatch_uid="config.search_indexes")


def _make_search_indexes(sender: AppConfig, using: str, **_: Any) -> None:
    """Once a migration, after the last app: only then do all tables exist."""
    if not is_last(sender):
        return
    from config.kit.trigrams import indexes_ensure

    indexes_ensure(connections[using])
