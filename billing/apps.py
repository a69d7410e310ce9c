from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.db.models.signals import post_migrate


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = "Billing"

    def ready(self) -> None:
        from billing import attention
        from billing.api import webhook  # noqa: F401 - importing registers the hot paths
        from billing.services.inbox import events_reseal
        from billing.services.merchants import merchants_reseal
        from config.kit.sealing import store_register

        attention.register()
        store_register("merchants", merchants_reseal)
        store_register("stripe_events", events_reseal)
        post_migrate.connect(_default_merchant, sender=self, dispatch_uid="billing.merchant_default_ensure")


def _default_merchant(apps: Any = installed, **_: Any) -> None:
    """After a migration of this app that made the table."""
    try:
        apps.get_model("billing", "MerchantProfile")
    except LookupError:  # migrated back to before there were profiles
        return
    from billing.services.merchants import merchant_default_ensure

    merchant_default_ensure()
