"""Our own license: one row."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from licenses.domain.own_license import Answer, GuardState, OwnLicense
from licenses.models.catalogue import choices, empty_map

ONLY = 1
"""The primary key of the one row."""


class SelfLicense(models.Model):
    """The key that this installation runs under, what it carries, and what its master said last.

    The facts are what `licenses.domain.own_license` judges at an instant; `guard` and `tier` are what the
    history was last told, kept to tell a change from none.
    """

    class KeptFrom(models.TextChoices):
        NOWHERE = "", "Nowhere"
        ENVIRONMENT = "environment", "Environment"
        FILE = "file", "File"
        ADMIN = "admin", "Activation"

    # not counted up: MariaDB checks nothing of a column that is
    id = models.PositiveSmallIntegerField(primary_key=True)
    key_sealed = models.BinaryField(null=True)
    key_sha256 = models.CharField(max_length=64, blank=True)
    kept_from = models.CharField(max_length=11, choices=KeptFrom, blank=True)
    found_sha256 = models.CharField(
        max_length=64, blank=True, help_text="Text that environment or file held when it was last taken up."
    )
    public_id = models.CharField(max_length=30, blank=True, help_text="Id of the license at the master.")
    customer_id = models.CharField(max_length=64, blank=True)
    plan_code = models.CharField(max_length=63, blank=True)
    kind = models.CharField(max_length=10, blank=True)
    signed = models.JSONField(default=empty_map)
    signed_seats = models.PositiveIntegerField(default=0)
    live = models.JSONField(null=True)
    live_seats = models.PositiveIntegerField(null=True)
    refused = models.CharField(max_length=11, choices=choices(Answer), blank=True)
    reason = models.CharField(max_length=40, blank=True)
    refused_since = models.DateTimeField(null=True)
    remembered = models.JSONField(
        default=empty_map,
        help_text="What the master said last of each license by id, and of revoked keys by hash.",
    )
    expires_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    activated_at = models.DateTimeField(null=True)
    refreshed_at = models.DateTimeField(null=True)
    heard_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=11, choices=choices(Answer), blank=True)
    outcome_detail = models.CharField(max_length=200, blank=True)
    guard = models.CharField(max_length=10, choices=choices(GuardState), default=GuardState.UNLICENSED)
    guard_since = models.DateTimeField(null=True)
    told_sha256 = models.CharField(max_length=64, blank=True, help_text="Of what was granted, as last told.")

    class Meta:
        verbose_name = "license of this installation"
        verbose_name_plural = "license of this installation"
        constraints = [
            models.CheckConstraint(condition=Q(pk=ONLY), name="self_license_is_one_row"),
            models.CheckConstraint(
                condition=Q(guard__in=["unlicensed", "valid", "grace", "invalid"]),
                name="self_license_guard_known",
            ),
        ]
        permissions = [("activate_selflicense", "Can activate, refresh and remove our own license")]

    def __str__(self) -> str:
        return self.public_id or "no license"

    @property
    def facts(self) -> OwnLicense:
        return OwnLicense(
            present=bool(self.key_sha256),
            signed=self.signed,
            live=self.live,
            signed_seats=self.signed_seats,
            live_seats=self.live_seats,
            refused=Answer(self.refused) if self.refused else None,
            reason=self.reason,
            refused_since=self.refused_since,
            expires_at=self.expires_at,
            ends_at=self.ends_at,
            heard_at=self.heard_at,
        )
