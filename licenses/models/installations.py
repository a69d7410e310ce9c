"""What runs under a license: installations that report, and machines and collectors under a hard limit."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.db.models import Q

from config.kit.clock import now
from licenses.models.licenses import License


def today() -> date:
    """The day of a first sight that says none."""
    return now().date()


class Installation(models.Model):
    """One deployment, seen by heartbeat (A17). Named by itself with an id that says nothing of a person."""

    license = models.ForeignKey(
        License, on_delete=models.PROTECT, related_name="installations", db_index=False
    )
    install_id = models.CharField(max_length=64)
    version = models.CharField(max_length=64, blank=True)
    operating_system = models.CharField(max_length=64, blank=True)
    nodes = models.PositiveIntegerField(default=0)
    seats_used = models.PositiveIntegerField(null=True)
    operator_node_cap = models.PositiveIntegerField(
        null=True, help_text="A lower cap that the customer's own operator has set."
    )
    beats = models.PositiveBigIntegerField(default=0)
    first_seen_at = models.DateTimeField(default=now)
    last_seen_at = models.DateTimeField(default=now)
    seen_on = models.DateField(
        default=today, help_text="Day of `last_seen_at` (UTC): an index that a beat seldom moves."
    )
    set_aside_at = models.DateTimeField(null=True, help_text="No longer counted: staff set it aside.")

    class Meta:
        constraints = [
            # also finds the installations of a license
            models.UniqueConstraint(fields=["license", "install_id"], name="installation_once_a_license")
        ]
        indexes = [
            # silent for N days: by the day, because PostgreSQL writes every index anew when one has to change
            models.Index(fields=["seen_on", "id"], name="installation_seen_on"),
            # version spread
            models.Index(fields=["version"], name="installation_version"),
        ]

    def __str__(self) -> str:
        return self.install_id


class InstallationSignal(models.Model):
    """Something a deployment said that happened at its side (A13), kept once however often it is said."""

    class Type(models.TextChoices):
        GRANTED = "granted"
        CLEARED = "cleared"
        DENIED = "denied"
        POSTURE_CHANGED = "posture_changed", "posture changed"

    installation = models.ForeignKey(
        Installation, on_delete=models.CASCADE, related_name="signals", db_index=False
    )
    signal_id = models.CharField(max_length=64)
    type = models.CharField(max_length=15, choices=Type.choices)
    data = models.JSONField(default=dict)
    received_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["installation", "signal_id"], name="installation_signal_once")
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.signal_id}"


class BeatCursor(models.Model):
    """How far buffered heartbeats were applied. One row; it moves with what it says."""

    ONLY = 1

    last_id = models.CharField(max_length=40, default="0-0", help_text="Id of the last entry of the stream.")
    moved_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.last_id


class NodeCapEpisode(models.Model):
    """A spell in which an installation runs more nodes than its effective cap (A15), and how far it has come."""

    class State(models.TextChoices):
        QUIET = "quiet"
        NOTICE = "notice"
        ESCALATED = "escalated"

    installation = models.ForeignKey(Installation, on_delete=models.CASCADE, related_name="episodes")
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUIET)
    cap = models.PositiveIntegerField(help_text="The effective cap when it was last looked at.")
    nodes_max = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, help_text="When it rises by time alone; null when it cannot.")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # MariaDB has no partial unique index: there the lock of the installation alone keeps it
            models.UniqueConstraint(
                fields=["installation"], condition=Q(ended_at__isnull=True), name="episode_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["quiet", "notice", "escalated"]), name="episode_state_known"
            ),
        ]
        # the sweep
        indexes = [models.Index(fields=["due_at"], name="episode_due", condition=Q(ended_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.installation_id} since {self.started_at:%Y-%m-%d}"


class InstallationDay(models.Model):
    """The beats of one installation on one day (UTC), in place of every beat."""

    installation = models.ForeignKey(
        Installation, on_delete=models.CASCADE, related_name="days", db_index=False
    )
    day = models.DateField()
    beats = models.PositiveIntegerField(default=0)
    nodes_max = models.PositiveIntegerField(default=0)
    seats_max = models.PositiveIntegerField(null=True)
    version = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["installation", "day"], name="installation_day_once")]
        # the adoption chart, and the sweep that forgets
        indexes = [models.Index(fields=["day"], name="installation_day")]

    def __str__(self) -> str:
        return f"{self.installation_id} {self.day}"


class Activation(models.Model):
    """A machine (C24) or collector (D21) that holds a place under a hard limit of a license."""

    class Kind(models.TextChoices):
        MACHINE = "machine"
        COLLECTOR = "collector"

    license = models.ForeignKey(License, on_delete=models.PROTECT, related_name="activations", db_index=False)
    kind = models.CharField(max_length=9, choices=Kind.choices)
    identifier = models.CharField(
        max_length=128, help_text="Fingerprint of the machine, id of the collector."
    )
    label = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(default=now)
    last_seen_at = models.DateTimeField(default=now)
    lease_until = models.DateTimeField(null=True, help_text="The place is free again after this instant.")
    binds = models.BooleanField(
        default=False, help_text="The license was bound to this machine by its activation."
    )
    offline = models.BooleanField(
        default=False, help_text="Checked out by a signed file until its lease ends."
    )
    released_at = models.DateTimeField(null=True)
    released_by = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints = [
            # MariaDB has no partial unique index: there the lock of the license alone keeps it
            models.UniqueConstraint(
                fields=["license", "kind", "identifier"],
                condition=Q(released_at__isnull=True),
                name="activation_once_in_force",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["machine", "collector"]), name="activation_kind_known"
            ),
        ]
        indexes = [
            # how many places are taken
            models.Index(fields=["license", "kind", "released_at"], name="activation_places"),
            # the sweep of ended leases
            models.Index(
                fields=["lease_until"], name="activation_lease", condition=Q(released_at__isnull=True)
            ),
            # leases of one license that have ended
            models.Index(
                fields=["license", "kind", "lease_until"],
                name="activation_lapsing",
                condition=Q(released_at__isnull=True, lease_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.identifier}"


class PlaceCount(models.Model):
    """How many places of a kind are held under a license, so that nobody counts them to take one more.

    Moves with the places, under the lock of the license. Without a row nobody has counted yet.
    """

    license = models.ForeignKey(License, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=9, choices=Activation.Kind.choices)
    used = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["license", "kind"], name="place_count_once")]

    def __str__(self) -> str:
        return f"{self.used} {self.kind}"
