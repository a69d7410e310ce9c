"""What staff write down beside a license's history."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from config.kit.clock import now
from licenses.models.licenses import License


class LicenseNote(models.Model):
    """A note of staff on the timeline of a license. Only its author may change or delete it."""

    license = models.ForeignKey(License, on_delete=models.CASCADE, related_name="notes", db_index=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField(max_length=10_000)
    created_at = models.DateTimeField(default=now)
    edited_at = models.DateTimeField(null=True)

    class Meta:
        # the timeline of a license, newest first
        indexes = [models.Index(fields=["license", "-created_at"], name="note_timeline")]

    def __str__(self) -> str:
        return self.text[:60]
