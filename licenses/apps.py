from __future__ import annotations

from django.apps import AppConfig


class LicensesConfig(AppConfig):
    name = "licenses"
    verbose_name = "License office"

    def ready(self) -> None:
        from config.kit.sealing import store_register
        from licenses import attention
        from licenses.api import activate, heartbeat, validate  # noqa: F401 - importing registers the hot paths
        from licenses.services.selflicense import selflicense_reseal

        attention.register()
        store_register("self_license", selflicense_reseal)
