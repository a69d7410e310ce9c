from __future__ import annotations

from django.apps import AppConfig


class LicensesConfig(AppConfig):
    name = "licenses"
    verbose_name = "License office"

    def ready(self) -> None:
        from licenses import attention
        from licenses.api import activate, heartbeat, validate  # noqa: F401 - importing registers the hot paths

        attention.register()
