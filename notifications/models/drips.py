"""Trial mail as rows that staff can edit (A25): which step, when it is due, on what condition."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from config.kit.clock import now
from notifications.models.messages import Message, Stream
from trials.models import Trial, TrialProgram


class DripStep(models.Model):
    """One mail of a trial's course. Due in a window, once a trial; a later step that is due overtakes it."""

    class Anchor(models.TextChoices):
        STARTED = "started", "the start"
        MIDDLE = "middle", "the middle"
        ENDS = "ends", "the end"

    class Condition(models.TextChoices):
        ALWAYS = "always", "always"
        NO_BEAT = "no_beat", "without a heartbeat"
        SILENT = "silent", "while stuck or dormant"
        ACTIVE = "active", "while active or pilot-ready"
        RUNNING = "running", "while the trial runs"
        ENDED = "ended", "after it expired"

    program = models.ForeignKey(
        TrialProgram, null=True, blank=True, on_delete=models.CASCADE, related_name="drip_steps",
        help_text="Empty: every program without steps of its own.",
    )  # fmt: skip
    slug = models.SlugField(max_length=40)
    name = models.CharField(max_length=100)
    enabled = models.BooleanField(default=True)
    anchor = models.CharField(max_length=7, choices=Anchor.choices)
    offset_hours = models.IntegerField(help_text="Hours after the anchor; negative: before it.")
    window_hours = models.PositiveIntegerField(
        default=72, help_text="How late it may still be sent before it is skipped."
    )
    condition = models.CharField(max_length=7, choices=Condition.choices, default=Condition.ALWAYS)
    template = models.CharField(max_length=60)
    stream = models.CharField(max_length=13, choices=Stream.choices, default=Stream.TRIAL)
    hour_from = models.PositiveSmallIntegerField(default=8, help_text="Send window, in the zone below.")
    hour_to = models.PositiveSmallIntegerField(default=18)
    zone = models.CharField(max_length=64, default="UTC")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "offset_hours"]
        constraints = [
            models.UniqueConstraint(fields=["program", "slug"], name="drip_step_once_a_program"),
            models.CheckConstraint(
                condition=Q(hour_from__lt=models.F("hour_to"), hour_to__lte=24), name="drip_hours_in_order"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DripEntry(models.Model):
    """What became of a step for a trial: sent, or skipped and why. The row that keeps it from being sent twice."""

    class State(models.TextChoices):
        SENT = "sent"
        SKIPPED = "skipped"

    trial = models.ForeignKey(Trial, on_delete=models.CASCADE, related_name="drips", db_index=False)
    step = models.CharField(max_length=40, help_text="Slug of the step.")
    state = models.CharField(max_length=7, choices=State.choices)
    reason = models.CharField(max_length=40, blank=True)
    message = models.ForeignKey(Message, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["trial", "step"], name="drip_once_a_trial")]

    def __str__(self) -> str:
        return f"{self.trial_id} {self.step}"
