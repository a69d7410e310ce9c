from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.db.models.signals import post_migrate


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = "Notifications"

    def ready(self) -> None:
        from accounts.services.invitations import courier_register
        from config.kit.sealing import store_register
        from history.services import reader_register
        from notifications import attention, bus_attention, expiry_attention, timeline
        from notifications.services import (
            bus,
            buyer_mail,
            evidence_mail,
            node_cap_mail,
            retention,
            trial_mail,
        )
        from notifications.services.deliveries import READER, event_deliver
        from notifications.services.invitations import invitation_send
        from notifications.services.resealing import messages_reseal
        from notifications.services.webhooks import webhooks_reseal

        attention.register()
        expiry_attention.register()
        bus_attention.register()
        timeline.register()
        courier_register(invitation_send)
        reader_register(READER, event_deliver, from_start=False)
        reader_register(
            node_cap_mail.READER, node_cap_mail.follow, kinds=node_cap_mail.KINDS, from_start=False
        )
        reader_register(trial_mail.READER, trial_mail.follow, kinds=trial_mail.KINDS, from_start=False)
        reader_register(
            evidence_mail.READER, evidence_mail.follow, kinds=evidence_mail.KINDS, from_start=False
        )
        reader_register(buyer_mail.READER, buyer_mail.follow, kinds=buyer_mail.KINDS, from_start=False)
        # from the start: what was erased before this reader was there
        reader_register(retention.READER, retention.follow, kinds=retention.KINDS)
        reader_register(bus.READER, bus.follow, kinds=bus.KINDS, from_start=False)
        store_register("webhook_secrets", webhooks_reseal)
        store_register("messages", messages_reseal)
        post_migrate.connect(_begin_course, sender=self, dispatch_uid="notifications.steps_ensure")


def _begin_course(apps: Any = installed, **_: Any) -> None:
    """After a migration of this app that made the table."""
    try:
        apps.get_model("notifications", "DripStep")
    except LookupError:  # migrated back to before there were steps
        return
    from notifications.default_steps import steps_ensure

    steps_ensure()
