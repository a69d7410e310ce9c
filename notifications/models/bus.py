"""Purchases on their way to the event bus (E20)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from config.kit import ids
from config.kit.clock import now
from history.models import Event
from licenses.models import Issuance


class BusMessage(models.Model):
    """One purchase event on its way to NATS JetStream: the exact bytes, and how far it has come.

    `message_id` is the `jti` of the issuance. It is the message's id on the bus and the last part of its
    subject, of which the stream keeps one message: what is sent twice is there once.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        CLAIMED = "claimed"  # a worker is at it
        SENT = "sent"  # the stream has it
        DEAD = "dead"  # refused again and again: a person decides

    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    event = models.OneToOneField(Event, on_delete=models.PROTECT, related_name="+")
    issuance = models.OneToOneField(Issuance, on_delete=models.PROTECT, related_name="bus_message")
    message_id = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=60, help_text="Of the event, as consumers know it.")
    body = models.TextField(help_text="The exact bytes that are published, UTF-8.")
    state = models.CharField(max_length=7, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    refusals = models.PositiveSmallIntegerField(default=0, help_text="Answers that were a no.")
    due_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    stream = models.CharField(max_length=100, blank=True)
    sequence = models.PositiveBigIntegerField(null=True, help_text="Its number in the stream.")
    last_error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["queued", "claimed", "sent", "dead"]), name="bus_message_state_known"
            )
        ]
        indexes = [
            # the sender, oldest first
            models.Index(fields=["due_at"], name="bus_message_due", condition=Q(due_at__isnull=False)),
            # the list under one state, newest first
            models.Index(fields=["state", "-id"], name="bus_message_state"),
        ]

    def __str__(self) -> str:
        return self.message_id
