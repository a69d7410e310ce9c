"""What the update server offers (E32)."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from config.kit.clock import now
from config.kit.ids import uuid7
from licenses.domain.enums import Edition, ReleaseChannel
from licenses.domain.versions import MAX_PRECEDENCE, MAX_VERSION
from licenses.models.catalogue import Product, choices

MAX_NOTES, MAX_REASON, MAX_ARTIFACT = 4000, 200, 500
SHA256 = RegexValidator(r"\A[0-9a-f]{64}\Z", "A SHA-256 as 64 hexadecimal digits in lower case.")


class Release(models.Model):
    """One version of a product. It is out from `published_at` on, and taken back rather than deleted.

    `precedence` sorts as the versions do (`licenses.domain.versions`). Empty `entitlement` and `minimum_edition` ask
    for nothing.
    """

    uid = models.UUIDField(unique=True, default=uuid7, editable=False)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="releases", db_index=False)
    version = models.CharField(
        max_length=MAX_VERSION, help_text="Semantic Versioning: 1.4.0, or 2.0.0-rc.1 for a pre-release."
    )
    precedence = models.CharField(max_length=MAX_PRECEDENCE, editable=False)
    channel = models.CharField(max_length=9, choices=choices(ReleaseChannel), default=ReleaseChannel.STABLE)
    notes = models.TextField(blank=True, max_length=MAX_NOTES, help_text="What customers read.")
    artifact = models.CharField(
        max_length=MAX_ARTIFACT,
        help_text="Where it is: an https address, or a name such as registry.example/app:1.4.0.",
    )
    sha256 = models.CharField("SHA-256", max_length=64, validators=[SHA256])
    size_bytes = models.PositiveBigIntegerField("size", help_text="Bytes.")
    entitlement = models.CharField(max_length=64, blank=True, help_text="Slug that a license needs to have.")
    minimum_edition = models.CharField(
        max_length=10, choices=choices(Edition), blank=True, help_text="Empty: every edition."
    )
    published_at = models.DateTimeField(default=now, help_text="Nobody gets it before.")
    withdrawn_at = models.DateTimeField(null=True, editable=False)
    withdrawn_reason = models.CharField(max_length=MAX_REASON, blank=True, editable=False)
    created_by = models.CharField(max_length=80, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["-published_at", "-id"]
        constraints = [
            # 1.0.0+a and 1.0.0+b would be neither newer nor older than each other; also the list of a product
            models.UniqueConstraint(fields=["product", "precedence"], name="release_once_a_product"),
            models.CheckConstraint(
                condition=Q(channel__in=["stable", "candidate", "beta", "nightly"]),
                name="release_channel_known",
            ),
            models.CheckConstraint(
                condition=Q(minimum_edition__in=["", "community", "enterprise"]), name="release_edition_known"
            ),
        ]
        indexes = [
            # the newest of a channel
            models.Index(fields=["product", "channel", "-precedence"], name="release_newest"),
            # what was taken back last
            models.Index(
                fields=["product", "-withdrawn_at"],
                name="release_withdrawn",
                condition=Q(withdrawn_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.version

    @property
    def is_withdrawn(self) -> bool:
        return self.withdrawn_at is not None
