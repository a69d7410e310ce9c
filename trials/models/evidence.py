"""Governed evidence of how a trial ended. References only: no field here holds a person, a payload or a secret (B1).

Packages of the access, expiry, follow-up and later stages are rows of one table; what a stage holds is said in
`trials.domain.evidence.stages`. Decisions are append-only.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from config.kit import ids
from config.kit.clock import now
from licenses.models.catalogue import choices
from trials.domain.evidence.words import (
    AccessCheck,
    CheckResult,
    DeliveryState,
    HandoffKind,
    NotificationChannel,
    StageName,
    State,
    TrackingKind,
)
from trials.models.trials import Trial


def nothing() -> dict[str, str]:
    return {}


def no_codes() -> list[str]:
    return []


class EvidencePackage(models.Model):
    """One version of one stage's evidence (B2). Its digest binds values, predecessor and version.

    `state` and `blockers` are what the gates said when anything near the package last changed: kept for lists,
    computed by the service, never typed in (B13). An approved version is immutable; a change makes the next (B19).
    """

    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="evidence", db_index=False)
    stage = models.CharField(max_length=16, choices=choices(StageName))
    version = models.PositiveIntegerField(default=1)
    values = models.JSONField(default=nothing, help_text="Opaque references, words and instants, by member.")
    predecessor = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="successors"
    )
    predecessor_digest = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=7, choices=choices(State), default=State.BLOCKED, editable=False)
    blockers = models.JSONField(default=no_codes, editable=False)
    evaluated_at = models.DateTimeField(null=True, editable=False)
    latest = models.BooleanField(
        default=True, editable=False, help_text="No later version of this stage exists."
    )
    author = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=now)
    changed_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "stage", "version"], name="evidence_version_once"),
            models.UniqueConstraint(
                fields=["trial", "stage"], condition=Q(latest=True), name="evidence_one_latest"
            ),
        ]
        indexes = [
            # the readiness board: one stage, what is blocked or ready, oldest first
            models.Index(
                fields=["stage", "state", "created_at"], name="evidence_board", condition=Q(latest=True)
            ),
        ]
        permissions = [
            ("edit_evidence", "Can write evidence packages and handoffs"),
            ("approve_evidence", "Can approve evidence packages"),
        ]

    def __str__(self) -> str:
        return f"{self.get_stage_display()}, version {self.version}"


class EvidenceApproval(models.Model):
    """A decision on one version, bound to its digest (B19). Never changed, never removed."""

    class By(models.TextChoices):
        PERSON = "person"
        POLICY = "policy"

    package = models.ForeignKey(EvidencePackage, on_delete=models.PROTECT, related_name="approvals")
    digest = models.CharField(max_length=64)
    approved = models.BooleanField()
    by = models.CharField(max_length=6, choices=By.choices, default=By.PERSON)
    approver = models.CharField(max_length=80, help_text="user:…, or the name of the policy.")
    comment = models.CharField(
        max_length=500, blank=True, help_text="Screened like a reference; never exported."
    )
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.package_id}: {'approved' if self.approved else 'rejected'}"


class Handoff(models.Model):
    """Who takes the trial on, and what happens next (B12, B15, B16)."""

    package = models.ForeignKey(EvidencePackage, on_delete=models.PROTECT, related_name="handoffs")
    kind = models.CharField(max_length=16, choices=choices(HandoffKind))
    owner_ref = models.CharField(max_length=120, blank=True)
    next_action_ref = models.CharField(max_length=120, blank=True)
    tracking_kind = models.CharField(
        max_length=14, choices=choices(TrackingKind), default=TrackingKind.EXTERNAL
    )
    tracking_ref = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["kind"]
        constraints = [models.UniqueConstraint(fields=["package", "kind"], name="handoff_kind_once")]

    def __str__(self) -> str:
        return self.kind


class EvaluatorNotification(models.Model):
    """How the evaluator was told, and how far that has come (B14, B18). The mail itself stands in the send log."""

    package = models.ForeignKey(EvidencePackage, on_delete=models.PROTECT, related_name="notifications")
    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    channel = models.CharField(max_length=16, choices=choices(NotificationChannel))
    state = models.CharField(max_length=9, choices=choices(DeliveryState), default=DeliveryState.QUEUED)
    tracking_ref = models.CharField(max_length=120, blank=True)
    requested_by = models.CharField(max_length=80)
    requested_at = models.DateTimeField()
    state_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.channel}: {self.state}"


class GraceApproval(models.Model):
    """More time for a trial that goes on, granted by a person (B10). One of the four graces, see the vocabulary."""

    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="graces")
    until = models.DateTimeField()
    approver = models.CharField(max_length=80)
    approved_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.trial_id} until {self.until:%Y-%m-%d}"


class BlockedAccessCheck(models.Model):
    """Whether a door is shut to a trial that ended (B25). The expected result is always `blocked`."""

    class By(models.TextChoices):
        SIGNET = "signet", "tried by Signet"
        ATTESTED = "attested", "attested by reference"

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="access_checks")
    check_name = models.CharField("check", max_length=20, choices=choices(AccessCheck))
    result = models.CharField(max_length=7, choices=choices(CheckResult))
    reason = models.CharField(max_length=60, blank=True, help_text="Code that the door answered with.")
    by = models.CharField(max_length=8, choices=By.choices)
    reference = models.CharField(max_length=120, blank=True)
    actor = models.CharField(max_length=80)
    checked_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["trial", "check_name", "-id"], name="access_check_latest")]

    def __str__(self) -> str:
        return f"{self.check_name}: {self.result}"
