"""Whom a buyer pays."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from accounts.models import SLUG
from config.kit.clock import now


def empty_list() -> list[Any]:
    return []


def empty_map() -> dict[str, Any]:
    return {}


class MerchantProfile(models.Model):
    """A Stripe account that we sell through (C32), with the brand its buyers see. Exactly one is the default.

    The default profile may leave key and webhook secrets empty: it then uses those of the settings.
    """

    slug = models.CharField(max_length=63, unique=True, validators=[SLUG])
    name = models.CharField(max_length=100)
    is_default = models.BooleanField("default", default=False, editable=False)
    stripe_account = models.CharField(
        max_length=100, blank=True, help_text="acct_…; events of another account are parked."
    )
    # sealed by config.kit.sealing; never shown again
    api_key = models.BinaryField(null=True, editable=False)
    webhook_secrets = models.BinaryField(null=True, editable=False, help_text="One a line, the newest first.")
    secrets_seen = models.JSONField(
        default=empty_map,
        editable=False,
        help_text="When an event last fitted each secret, by a part of its hash.",
    )
    brand = models.CharField(max_length=100, blank=True, help_text="Name in mail and on the pay page.")
    support_email = models.EmailField(blank=True)
    mail_from = models.CharField("mail sender", max_length=200, blank=True)
    redirect_hosts = models.JSONField(
        default=empty_list,
        blank=True,
        help_text="Hosts a buyer may be sent back to, as shop.example.com or localhost:3000.",
    )
    success_url = models.URLField(blank=True, help_text="Where a buyer goes unless the storefront says so.")
    cancel_url = models.URLField(blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["-is_default", "name"]
        constraints = [
            # MariaDB has no partial unique index: there the service's lock alone keeps it
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="merchant_one_default"
            )
        ]

    def __str__(self) -> str:
        return self.name
