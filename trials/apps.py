from __future__ import annotations

from django.apps import AppConfig


class TrialsConfig(AppConfig):
    name = "trials"
    verbose_name = "Trials"

    def ready(self) -> None:
        from history.services import reader_register
        from trials import attention
        from trials.services.following import KINDS, follow

        attention.register()
        reader_register("trials", follow, kinds=KINDS)
