"""The sync to an outside CRM: where to, what was agreed with it, what waits, what failed, what is disputed."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from config.kit import ids
from config.kit.clock import now
from crm.domain.sync.failures import FailureClass
from crm.domain.sync.fields import ObjectKind
from crm.domain.sync.kinds import CrmKind
from licenses.models.catalogue import choices


def nothing() -> dict[str, Any]:
    return {}


def everything() -> list[str]:
    return [kind.value for kind in ObjectKind]


class Connection(models.Model):
    """One workspace of an outside CRM. Its credentials are sealed and never shown again.

    `cursor` says up to which change of ours was looked; `budget_left` and `held_until` are the rate limit that
    all workers share. Who is `paused` waits for a person; `enabled` is that person's own switch.
    """

    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    kind = models.CharField("CRM", max_length=8, choices=choices(CrmKind))
    name = models.CharField(max_length=100)
    base_url = models.CharField("address", max_length=300)
    token_sealed = models.BinaryField()
    workspace = models.CharField(
        max_length=60, blank=True, help_text="As the CRM names it, where the credential does not."
    )
    secret_sealed = models.BinaryField(null=True, help_text="What its webhooks are signed with.")
    sends = models.JSONField(default=everything, help_text="Kinds of objects.")
    enabled = models.BooleanField(default=False)
    paused_reason = models.CharField(max_length=300, blank=True)
    paused_at = models.DateTimeField(null=True)
    remote = models.JSONField(default=nothing, help_text="The fields over there, by kind, as detected.")
    mapping = models.JSONField(default=nothing, help_text="Where our fields go, by kind.")
    detected_at = models.DateTimeField(null=True)
    cursor = models.JSONField(default=nothing)
    collected_at = models.DateTimeField(null=True)
    budget_requests = models.PositiveIntegerField(help_text="Requests …")
    budget_seconds = models.PositiveIntegerField(help_text="… in so many seconds.")
    budget_left = models.FloatField(default=0)
    budget_at = models.DateTimeField(default=now)
    held_until = models.DateTimeField(null=True, help_text="Nothing is asked before: the CRM said so.")
    held_reason = models.CharField(max_length=300, blank=True)
    failing = models.PositiveSmallIntegerField(default=0, help_text="Whole requests that failed in a row.")
    asked_at = models.DateTimeField(null=True, help_text="The last request.")
    created_by = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name = "CRM connection"
        permissions = [("manage_sync", "Can connect an outside CRM and settle what is disputed with it")]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["twenty", "hubspot"]), name="connection_kind_known"),
            models.CheckConstraint(
                condition=Q(budget_requests__gte=1, budget_seconds__gte=1), name="connection_has_a_budget"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_running(self) -> bool:
        return self.enabled and not self.paused_reason


class CrmLink(models.Model):
    """One object of ours and its record over there. `object_id` is the row of its kind; it may be gone since.

    `digest` is the hash of what was last sent: who has another is dirty. `sent` are the values on which both
    sides last agreed, by our names. With `tombstone_at` the record was deleted over there: it stays away,
    until it is restored there or staff have it looked up again.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="links", db_index=False)
    kind = models.CharField(max_length=7, choices=choices(ObjectKind))
    object_id = models.PositiveBigIntegerField()
    external_id = models.CharField(max_length=100, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    sent = models.JSONField(default=nothing)
    targets = models.JSONField(default=nothing, help_text="Records over there that it was tied to.")
    insisted = models.JSONField(default=list, help_text="Fields in which ours is sent whatever stands there.")
    synced_at = models.DateTimeField(null=True)
    tombstone_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ("view",)
        verbose_name = "CRM link"
        constraints = [
            models.UniqueConstraint(fields=["connection", "kind", "object_id"], name="crm_link_once"),
            models.UniqueConstraint(
                fields=["connection", "kind", "external_id"],
                condition=~Q(external_id=""),
                name="crm_link_one_of_ours",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


class SyncRun(models.Model):
    """A full comparison that staff started, and how far it has come. Every object is looked at over there."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="runs")
    total = models.PositiveIntegerField(default=0)
    queued = models.PositiveIntegerField(default=0)
    cursor = models.JSONField(default=nothing, help_text="Kind and id up to which objects are queued.")
    started_by = models.CharField(max_length=80)
    started_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["connection"], condition=Q(ended_at__isnull=True), name="sync_run_one_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk}"


class SyncJob(models.Model):
    """An object that is to be sent, or could not be. Done ones are gone: the link says what was sent."""

    class State(models.TextChoices):
        WAITING = "waiting"
        CLAIMED = "claimed"
        FAILED = "failed"  # a person decides

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="jobs", db_index=False)
    kind = models.CharField(max_length=7, choices=choices(ObjectKind))
    object_id = models.PositiveBigIntegerField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    tried = models.BooleanField(default=False, help_text="It may have arrived without our knowing.")
    due_at = models.DateTimeField(default=now)
    claimed_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=14, blank=True, choices=choices(FailureClass))
    message = models.CharField(max_length=400, blank=True)
    refused = models.CharField(max_length=64, blank=True, help_text="The hash of what failed.")
    run = models.ForeignKey(SyncRun, null=True, on_delete=models.SET_NULL, related_name="jobs")
    created_at = models.DateTimeField(default=now)

    class Meta:
        default_permissions = ("view",)
        verbose_name = "sync job"
        constraints = [
            models.UniqueConstraint(fields=["connection", "kind", "object_id"], name="sync_job_once"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "claimed", "failed"]), name="sync_job_state_known"
            ),
        ]
        indexes = [
            # the next batch of a connection, and the failed ones
            models.Index(fields=["connection", "state", "kind", "due_at"], name="sync_job_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


class SyncConflict(models.Model):
    """A field that both sides changed. Nothing is sent or taken in it until somebody decides."""

    class Resolution(models.TextChoices):
        OPEN = "", "open"
        OURS = "ours"
        THEIRS = "theirs"
        MOOT = "moot", "settled itself"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="conflicts")
    kind = models.CharField(max_length=7, choices=choices(ObjectKind))
    object_id = models.PositiveBigIntegerField()
    field = models.CharField(max_length=40)
    ours = models.CharField(max_length=500, blank=True)
    theirs = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(default=now)
    resolution = models.CharField(max_length=6, blank=True, choices=Resolution.choices)
    resolved_by = models.CharField(max_length=80, blank=True)
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ("view",)
        verbose_name = "conflict"
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "kind", "object_id", "field"],
                condition=Q(resolution=""),
                name="sync_conflict_once",
            ),
        ]
        indexes = [models.Index(fields=["resolution", "-id"], name="sync_conflict_open")]

    def __str__(self) -> str:
        return f"Conflict {self.pk}"


class InboundChange(models.Model):
    """One change that the outside CRM told of by webhook, kept before it is worked on. `key` tells it from others."""

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="inbound", db_index=False
    )
    key = models.CharField(max_length=160)
    kind = models.CharField(max_length=7, choices=choices(ObjectKind))
    external_id = models.CharField(max_length=100)
    values = models.JSONField(default=nothing)
    deleted = models.BooleanField(default=False)
    restored = models.BooleanField(default=False)
    at = models.DateTimeField(help_text="When it happened over there.")
    received_at = models.DateTimeField(default=now)
    applied_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=200, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["connection", "key"], name="inbound_change_once"),
        ]
        indexes = [
            # what waits, in its order
            models.Index(
                fields=["connection", "id"], name="inbound_waiting", condition=Q(applied_at__isnull=True)
            ),
            models.Index(fields=["received_at"], name="inbound_received"),
        ]

    def __str__(self) -> str:
        return self.key
