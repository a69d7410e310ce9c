"""Mail: the send log, what a provider said of each message, and addresses that are not written to."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import Account
from config.kit import ids
from config.kit.clock import now
from licenses.models import License


class Stream(models.TextChoices):
    """What a message is sent for. A recipient unsubscribes from one stream at a time."""

    TRANSACTIONAL = "transactional", "transactional"  # asked for or owed: a license, a receipt, a code
    NOTICE = "notice", "expiry notices"
    TRIAL = "trial", "trial mail"
    DIGEST = "digest", "staff digests"
    TEST = "test", "test sendings"


class Message(models.Model):
    """One mail to one recipient: rendered once, sent at least once, logged for good.

    `dedupe_key` names what the mail is for, so that nothing is said twice. The rendered parts are sealed: a
    mail may carry a license.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        CLAIMED = "claimed"  # a worker is at it
        SENT = "sent"  # taken by the provider
        DELIVERED = "delivered"
        BOUNCED = "bounced"
        COMPLAINED = "complained"
        FAILED = "failed"  # given up
        SUPPRESSED = "suppressed"  # the recipient is not to be written to

    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    template = models.CharField(max_length=60)
    stream = models.CharField(max_length=13, choices=Stream.choices)
    dedupe_key = models.CharField(max_length=200, unique=True)
    recipient = models.EmailField()
    sender = models.CharField(max_length=254, blank=True, help_text="Empty: SIGNET_MAIL_FROM.")
    subject = models.CharField(max_length=255)
    parts = models.BinaryField(help_text="Text, HTML, headers and attachments as JSON, sealed.")
    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.PROTECT, related_name="messages"
    )
    license = models.ForeignKey(
        License, null=True, blank=True, on_delete=models.PROTECT, related_name="messages"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, help_text="When to try next; null when nothing is left to do.")
    claimed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True, help_text="When delivery, bounce or failure was known.")
    provider = models.CharField(max_length=40, blank=True)
    provider_id = models.CharField(max_length=255, blank=True, help_text="The provider's id of the message.")
    error = models.CharField(max_length=1000, blank=True)
    resent_from = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="resendings"
    )
    created_by = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "queued", "claimed", "sent", "delivered", "bounced", "complained", "failed", "suppressed",
                    ]
                ),
                name="message_state_known",
            )
        ]  # fmt: skip
        indexes = [
            # the sender's sweep
            models.Index(fields=["due_at"], name="message_due", condition=Q(due_at__isnull=False)),
            # a provider's webhook names the message by its own id
            models.Index(fields=["provider_id"], name="message_provider_id"),
            # the mail of one recipient, newest first
            models.Index(fields=["recipient", "-id"], name="message_recipient"),
            # the list under one state, and what failed
            models.Index(fields=["state", "-id"], name="message_state"),
            # owed mail that was held back: few of the many that are
            models.Index(
                fields=["-id"],
                name="message_held_back",
                condition=Q(state="suppressed") & (Q(stream="transactional") | Q(resent_from__isnull=False)),
            ),
        ]
        permissions = [("resend_message", "Can resend mail and lift suppressions")]

    def __str__(self) -> str:
        return self.subject


class MessageEvent(models.Model):
    """What the provider reported of a message, once each."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="events")
    provider_event_id = models.CharField(max_length=255, unique=True)
    kind = models.CharField(max_length=20)
    detail = models.CharField(max_length=1000, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.message_id}"


class Suppression(models.Model):
    """An address that is not written to, in one stream or (empty stream) in any."""

    class Reason(models.TextChoices):
        HARD_BOUNCE = "hard_bounce", "hard bounce"
        COMPLAINT = "complaint", "complaint"
        UNSUBSCRIBE = "unsubscribe", "unsubscribed"
        MANUAL = "manual", "by staff"

    address = models.EmailField(help_text="Lower case.")
    stream = models.CharField(max_length=13, choices=Stream.choices, blank=True)
    reason = models.CharField(max_length=11, choices=Reason.choices)
    message = models.ForeignKey(
        Message, null=True, blank=True, on_delete=models.SET_NULL, related_name="suppressions"
    )
    created_by = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=now)
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.CharField(max_length=80, blank=True)
    lifted_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            # MariaDB has no partial unique index: there the service's lock alone keeps it
            models.UniqueConstraint(
                fields=["address", "stream", "reason"],
                condition=Q(lifted_at__isnull=True),
                name="suppression_once_in_force",
            )
        ]

    def __str__(self) -> str:
        return self.address
