"""Outbound webhooks by Standard Webhooks: endpoints of vendors' own systems and what was sent to them (C31)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from config.kit import ids
from config.kit.clock import now
from history.models import Event
from notifications.domain.webhook_attempts import SUCCESS


def everything() -> list[str]:
    return []


class WebhookEndpoint(models.Model):
    """An address that wants to hear of events. Its secrets are shown once and kept sealed."""

    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    name = models.CharField(max_length=100)
    url = models.URLField(max_length=500)
    kinds = models.JSONField(default=everything, blank=True, help_text="Event kinds; empty: every one.")
    products = models.JSONField(default=everything, blank=True, help_text="Product keys; empty: every one.")
    enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=200, blank=True)
    secret_sealed = models.BinaryField()
    previous_sealed = models.BinaryField(null=True, help_text="The secret before, while both sign.")
    previous_until = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=now)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        permissions = [("manage_webhook", "Can create, change and replay outbound webhooks")]

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One event on its way to one endpoint. `uid` is the `webhook-id` of every attempt."""

    class State(models.TextChoices):
        QUEUED = "queued"
        CLAIMED = "claimed"
        DELIVERED = "delivered"
        DEAD = "dead"  # every attempt failed: a person decides
        CANCELLED = "cancelled"  # the endpoint was deleted or switched off

    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries")
    event = models.ForeignKey(Event, null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=60)
    body = models.TextField(help_text="The exact bytes that are signed, UTF-8.")
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event"], name="delivery_once_an_endpoint"),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "claimed", "delivered", "dead", "cancelled"]),
                name="delivery_state_known",
            ),
        ]
        indexes = [
            # the sender of one endpoint, oldest first
            models.Index(
                fields=["endpoint", "due_at"], name="delivery_due", condition=Q(due_at__isnull=False)
            ),
            # the log under one state, newest first
            models.Index(fields=["state", "-id"], name="delivery_state"),
        ]

    def __str__(self) -> str:
        return f"Delivery of {self.kind}"


class DeliveryAttempt(models.Model):
    """One request of a delivery, and what came back."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="log")
    number = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=500, blank=True)
    answer = models.CharField(max_length=1000, blank=True, help_text="The start of the answer.")
    duration_ms = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.delivery_id} #{self.number}"

    @property
    def accepted(self) -> bool:
        """Whether the receiver took it."""
        return self.status in SUCCESS
