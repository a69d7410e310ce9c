"""Long work that staff start and watch: bulk generation and imports, row by row, resumable."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from config.kit import ids
from config.kit.clock import now
from licenses.models.licenses import License


class Job(models.Model):
    """A run over many rows with its progress. The rows are the truth; the counts are for the bar."""

    class Kind(models.TextChoices):
        GENERATE = "generate", "bulk generation"
        IMPORT = "import", "import of legacy licenses"

    class State(models.TextChoices):
        CHECKING = "checking"  # a worker judges the rows of a long list
        CHECKED = "checked"  # a dry run: nothing is done before somebody says go
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    order = models.JSONField(default=dict, help_text="What is asked for, for every row.")
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    creator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_by = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=now)
    started_at = models.DateTimeField(null=True)
    beat_at = models.DateTimeField(null=True, help_text="When the worker was last heard of.")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        # the sweep that takes up what a dead worker left
        indexes = [models.Index(fields=["state", "beat_at"], name="job_open")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"


class JobRow(models.Model):
    """One row of a job: what came in, and the license or the refusal that it became."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        REFUSED = "refused"
        SKIPPED = "skipped"  # was there already

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="rows", db_index=False)
    number = models.PositiveIntegerField(help_text="Line of the file, or place in the list, from 1.")
    data = models.JSONField(default=dict)
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    errors = models.JSONField(default=list, help_text="Field, code and sentence each.")
    license = models.ForeignKey(License, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="job_row_once")]
        # the rows that are still to be done, and those that were refused
        indexes = [models.Index(fields=["job", "state", "number"], name="job_row_state")]

    def __str__(self) -> str:
        return f"{self.job_id} row {self.number}"
