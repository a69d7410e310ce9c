"""What was signed, and what was prolonged. Both tables are append-only."""

from __future__ import annotations

from django.db import models

from config.kit import ids
from licenses.domain.enums import Format
from licenses.models.catalogue import choices
from licenses.models.keys import SigningKey
from licenses.models.licenses import License


class Channel(models.TextChoices):
    """Where the wish to issue came from."""

    ADMIN = "admin"
    API = "api"
    CLI = "cli"
    TRIAL = "trial"
    WEBHOOK = "webhook"
    BULK = "bulk"
    DEMO = "demo"


class IssuanceManager(models.Manager["Issuance"]):
    def get_queryset(self) -> models.QuerySet[Issuance]:
        """Leave the sealed text in the table: lists never need it."""
        return super().get_queryset().defer("artifact")


class Issuance(models.Model):
    """One immutable signed snapshot of a license (A2). The text itself stands here only encrypted, or nowhere."""

    class Cause(models.TextChoices):
        ISSUE = "issue"
        RENEW = "renew"
        REISSUE = "reissue"

    # No index of its own: `issuance_latest` serves it.
    license = models.ForeignKey(License, on_delete=models.PROTECT, related_name="issuances", db_index=False)
    jti = models.UUIDField(unique=True)
    format = models.CharField(max_length=8, choices=choices(Format))
    signing_key = models.ForeignKey(SigningKey, on_delete=models.PROTECT, related_name="issuances")
    text_sha256 = models.CharField(max_length=64)
    claims = models.JSONField()
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    actor = models.CharField(max_length=80)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    cause = models.CharField(max_length=8, choices=Cause.choices, default=Cause.ISSUE)
    artifact = models.BinaryField(
        null=True,
        help_text="The text, sealed. The one column that may change: sealed under a newer key, or dropped.",
    )
    supersedes = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    objects = IssuanceManager()

    class Meta:
        # online validation finds an issuance by the hash of its text; a constraint, because `unique=True` makes
        # a second index for LIKE on PostgreSQL
        constraints = [models.UniqueConstraint(fields=["text_sha256"], name="issuance_text_once")]
        indexes = [
            # the latest issuance of a license
            models.Index(fields=["license", "-id"], name="issuance_latest"),
            # how many were issued in a month, and the list of them
            models.Index(fields=["issued_at"], name="issuance_issued"),
        ]

    def __str__(self) -> str:
        return self.jti_text

    @property
    def jti_text(self) -> str:
        """The `jti` as it stands in the token."""
        return ids.short(self.jti)


class Renewal(models.Model):
    """One prolongation (A26): old end, new end, who and why. Earlier issuances stay as they are."""

    license = models.ForeignKey(License, on_delete=models.PROTECT, related_name="renewals", db_index=False)
    issuance = models.OneToOneField(Issuance, null=True, on_delete=models.PROTECT, related_name="renewal")
    old_expires_at = models.DateTimeField()
    new_expires_at = models.DateTimeField()
    reason = models.CharField(max_length=500, blank=True)
    actor = models.CharField(max_length=80)
    renewed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(new_expires_at__gt=models.F("old_expires_at")), name="renewal_extends"
            )
        ]
        indexes = [models.Index(fields=["license", "-id"], name="renewal_latest")]

    def __str__(self) -> str:
        return f"{self.license_id}: {self.new_expires_at:%Y-%m-%d}"
