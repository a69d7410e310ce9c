"""What Stripe tells us, as it was told."""

from __future__ import annotations

from django.db import models

from billing.domain.enums import InboxState
from billing.models.merchants import MerchantProfile
from licenses.models.catalogue import choices


class StripeEvent(models.Model):
    """One webhook event: the raw bytes under their unique id, and how far we are with it.

    Its body is only a hint of what to read from Stripe (C27). `due_at` is when it is tried (again).
    """

    merchant = models.ForeignKey(MerchantProfile, on_delete=models.PROTECT, related_name="events")
    event_id = models.CharField(max_length=200, unique=True)
    type = models.CharField(max_length=100)
    object_id = models.CharField(max_length=200, blank=True)
    api_version = models.CharField(max_length=40, blank=True)
    stripe_account = models.CharField(max_length=100, blank=True)
    livemode = models.BooleanField(default=False)
    raw = models.BinaryField(help_text="The body as it arrived, sealed.")
    state = models.CharField(max_length=8, choices=choices(InboxState), default=InboxState.RECEIVED)
    reason = models.CharField(max_length=60, blank=True, help_text="Code of why it waits or was ignored.")
    detail = models.CharField(max_length=1000, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(null=True, help_text="At Stripe.")
    received_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # the sweeper, and the list of what waits for a person
            models.Index(fields=["state", "due_at"], name="stripe_event_due"),
            models.Index(fields=["object_id"], name="stripe_event_object"),
        ]

    def __str__(self) -> str:
        return self.event_id
