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
        from billing.models import Coupon, MerchantProfile
        from billing.selectors import seats
        from billing.services.inbox import events_reseal
        from billing.services.merchants import merchants_reseal
        from billing.services.tier_orders import tier_guard_register
        from config.kit.sealing import store_register
        from licenses import gates
        from licenses.domain.tier_caps import Cap

        attention.register()
        gates.counter_register(Cap.COUPONS, Coupon.objects.filter(active=True).count)
        gates.counter_register(Cap.MERCHANTS, MerchantProfile.objects.count)
        seats.limit_register(lambda: gates.standing_now().seats)
        tier_guard_register(_not_our_own)
        store_register("merchants", merchants_reseal)
        store_register("stripe_events", events_reseal)
        post_migrate.connect(_default_merchant, sender=self, dispatch_uid="billing.merchant_default_ensure")


def _not_our_own(license: Any) -> None:  # noqa: A002 - the word of the vocabulary
    """C29, C8: the tier of our own license does not change by a change of plan."""
    from billing.tier_errors import SelfLicenseTier
    from licenses.services.selflicense import license_is_own

    if license_is_own(license.public_id):
        raise SelfLicenseTier


def _default_merchant(apps: Any = installed, **_: Any) -> None:
    """After a migration of this app that made the table."""
    try:
        apps.get_model("billing", "MerchantProfile")
    except LookupError:  # migrated back to before there were profiles
        return
    from billing.services.merchants import merchant_default_ensure

    merchant_default_ensure()
