"""What staff write down beside a license's history."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from config.kit.clock import now
from licenses.models.licenses import License


class LicenseNote(models.Model):
    """A note on the timeline of a license. Only its author may change or delete it; a key's has none who may."""

    license = models.ForeignKey(License, on_delete=models.CASCADE, related_name="notes", db_index=False)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    written_by = models.CharField(max_length=80, blank=True, help_text="The actor, where no person wrote it.")
    text = models.TextField(max_length=10_000)
    created_at = models.DateTimeField(default=now)
    edited_at = models.DateTimeField(null=True)

    class Meta:
        # the timeline of a license, newest first
        indexes = [models.Index(fields=["license", "-created_at"], name="note_timeline")]

    def __str__(self) -> str:
        return self.text[:60]


class StatusReason(models.Model):
    """Why a license was suspended, reinstated or revoked, one row for each time: history keeps no free text.

    The license itself holds the reason of the status that it has now, which the next change takes away.
    """

    license = models.ForeignKey(
        License, on_delete=models.CASCADE, related_name="status_reasons", db_index=False
    )
    kind = models.CharField(max_length=20, help_text="The kind of the event that it belongs to.")
    reason = models.CharField(max_length=500)
    given_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        # the timeline of a license
        indexes = [models.Index(fields=["license", "given_at"], name="status_reason_timeline")]

    def __str__(self) -> str:
        return self.reason[:60]
