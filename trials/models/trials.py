"""The running trial."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import Account
from config.kit import ids
from config.kit.clock import now
from licenses.models import License
from trials.models.programs import TrialProgram


class Trial(models.Model):
    """One spell of trying: a license of kind trial with its program, its engagement and how it ended."""

    class Outcome(models.TextChoices):
        CONVERTED = "converted"
        EXPIRED = "expired"
        REVOKED = "revoked"
        LOST = "lost"  # ended by staff or by the customer before its time

    class Engagement(models.TextChoices):
        """A19, in the order of the funnel."""

        REQUESTED = "requested"
        STUCK = "stuck"
        ACTIVE = "active"
        DORMANT = "dormant"
        PILOT_READY = "pilot_ready", "pilot-ready"
        CONVERTED = "converted"
        LOST = "lost"
        EXPIRED = "expired"

    class Attention(models.TextChoices):
        """Why a person should look (A19)."""

        STUCK = "stuck", "stuck for long"
        DORMANT_PAID = "dormant_paid", "bought, and silent"

    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    program = models.ForeignKey(TrialProgram, on_delete=models.PROTECT, related_name="trials")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="trials")
    license = models.ForeignKey(License, on_delete=models.PROTECT, related_name="trials")
    email = models.EmailField(help_text="Who asked, and where mail about the trial goes.")
    name = models.CharField(max_length=150, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="trials"
    )
    started_at = models.DateTimeField()
    middle_at = models.DateTimeField(help_text="Half way between start and end.")
    ends_at = models.DateTimeField()
    extensions = models.PositiveSmallIntegerField(default=0)
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=9, choices=Outcome.choices, blank=True)
    engagement = models.CharField(max_length=11, choices=Engagement.choices, default=Engagement.REQUESTED)
    engagement_at = models.DateTimeField(default=now)
    engagement_due_at = models.DateTimeField(
        null=True, help_text="When it, or the need of a person, changes by time alone."
    )
    attention = models.CharField(max_length=12, choices=Attention.choices, blank=True)
    attention_at = models.DateTimeField(null=True, help_text="Since when somebody should look.")
    first_beat_at = models.DateTimeField(null=True)
    ready_at = models.DateTimeField(null=True, help_text="When it was first pilot-ready.")
    converted_by = models.ForeignKey(
        License, null=True, blank=True, on_delete=models.PROTECT, related_name="converted_trials"
    )
    first_touch = models.JSONField(default=dict, blank=True, help_text="source, medium, campaign, at.")
    last_touch = models.JSONField(default=dict, blank=True)
    nudged_at = models.DateTimeField(null=True)
    overdue_at = models.DateTimeField(
        null=True, editable=False, help_text="When history was told that its follow-up is late."
    )
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            # MariaDB has no partial unique index: there the lock of the account alone keeps it
            models.UniqueConstraint(
                fields=["account", "program"], condition=Q(ended_at__isnull=True), name="trial_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("started_at")), name="trial_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["", "converted", "expired", "revoked", "lost"]),
                name="trial_outcome_known",
            ),
            models.CheckConstraint(
                condition=Q(outcome="", ended_at__isnull=True) | (~Q(outcome="") & Q(ended_at__isnull=False)),
                name="trial_ends_with_an_outcome",
            ),
        ]
        indexes = [
            # the sweep of engagement
            models.Index(fields=["engagement_due_at"], name="trial_engagement_due"),
            # the board: one column, newest first
            models.Index(fields=["engagement", "-id"], name="trial_engagement"),
            # the sweep of ends
            models.Index(fields=["ends_at"], name="trial_ends", condition=Q(ended_at__isnull=True)),
            # those that wait for a person
            models.Index(fields=["attention", "-id"], name="trial_attention", condition=~Q(attention="")),
            # the funnel by period; mail that is due so long after the start, the middle and the end
            models.Index(fields=["started_at"], name="trial_started"),
            models.Index(fields=["middle_at"], name="trial_middle"),
            models.Index(fields=["ends_at"], name="trial_ends_all"),
        ]
        permissions = [
            ("approve_trial", "Can approve and deny trial requests"),
            ("manage_trial", "Can extend, convert, end and nudge trials"),
        ]

    def __str__(self) -> str:
        return f"Trial of {self.email}"

    @property
    def may_convert(self) -> bool:
        """A purchase counts for it: it runs, or it ended without one and nobody took its license back."""
        return self.ended_at is None or self.outcome in {self.Outcome.EXPIRED, self.Outcome.LOST}

    def place_end(self, ends_at: datetime) -> None:
        """Set the end, and the middle with it."""
        self.ends_at = ends_at
        self.middle_at = self.started_at + (ends_at - self.started_at) / 2
