"""The event log, the tree over it, and the readers that follow it.

`Event`, `Entry`, `TreeNode` and `Checkpoint` are append-only: triggers refuse anything else (see
`history.triggers`). Nothing but the services of this app writes any of these tables.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from config.kit.ids import uuid7
from history.domain import sentences
from history.domain.notes import VerifierKey


class Event(models.Model):
    """One thing that happened, written in the transaction that made it happen."""

    uid = models.UUIDField(unique=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=48)
    subject = models.CharField(max_length=200, help_text="What it happened to, as type:id.")
    account = models.CharField(max_length=64, blank=True, help_text="The customer id, when there is one.")
    actor = models.CharField(max_length=200, help_text="Who did it, as type:id.")
    data = models.JSONField(help_text="Ids, states, counts and hashes.")
    at = models.DateTimeField(help_text="When it happened.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="When the database wrote it down.")

    class Meta:
        default_permissions = ("view",)
        indexes: ClassVar = [
            # the history of one license, key or user, newest first
            models.Index(fields=["subject", "id"], name="history_event_subject"),
            # everything about one customer, newest first
            models.Index(fields=["account", "id"], name="history_event_account"),
            # one kind of event, newest first
            models.Index(fields=["kind", "id"], name="history_event_kind"),
            # what one person, credential or task did, newest first
            models.Index(fields=["actor", "id"], name="history_event_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"

    @property
    def sentence(self) -> str:
        """What happened, in a sentence; empty for a kind of a newer version."""
        return sentences.sentence(self.kind, self.data)

    @property
    def details(self) -> str:
        """What the data says beyond the sentence, in a line."""
        return sentences.details(self.kind, self.data)


class Entry(models.Model):
    """The place of an event in the tree. Positions are gapless from 0, in the order of sequencing."""

    position = models.PositiveBigIntegerField(primary_key=True)
    event = models.OneToOneField(Event, on_delete=models.PROTECT, related_name="entry")
    leaf_hash = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"#{self.position}"


class TreeNode(models.Model):
    """The root of a complete subtree of 2**level leaves. Only levels 8, 16, 24 … are kept: n/255 rows."""

    level = models.PositiveSmallIntegerField()
    number = models.PositiveBigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            # also serves the proofs, which read runs of numbers of one level
            models.UniqueConstraint(fields=["level", "number"], name="history_treenode_place"),
        ]

    def __str__(self) -> str:
        return f"{self.level}/{self.number}"


class TreeHead(models.Model):
    """One row: how far the tree has grown. Its lock is what makes sequencing one at a time."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY)
    size = models.PositiveBigIntegerField(default=0)
    frontier = models.BinaryField(default=b"", help_text="Roots of the complete subtrees, left to right.")
    last_id = models.PositiveBigIntegerField(default=0, help_text="Greatest event id in the tree.")
    floor_id = models.PositiveBigIntegerField(default=0, help_text="No event below is still awaited.")
    settling_id = models.PositiveBigIntegerField(default=0, help_text="The next floor, once settled.")
    settling_at = models.DateTimeField(null=True, help_text="Since when settling_id waits.")
    swept_at = models.DateTimeField(null=True, help_text="When all events were last looked through.")

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(id=1), name="history_treehead_only"),
        ]

    def __str__(self) -> str:
        return f"{self.size} entries"


class CheckpointKey(models.Model):
    """An Ed25519 key that signs checkpoints. The private half is sealed under the key-encryption keys."""

    name = models.CharField(max_length=200, help_text="The log's origin, under which the key signs.")
    public_key = models.BinaryField(max_length=32)
    private_key = models.BinaryField(help_text="Sealed.")
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.verifier_key)

    @property
    def verifier_key(self) -> VerifierKey:
        """The public key in the form that other tools take."""
        return VerifierKey(self.name, bytes(self.public_key))


class Checkpoint(models.Model):
    """A signed statement: so many entries, with this root."""

    size = models.PositiveBigIntegerField(unique=True)
    root = models.BinaryField(max_length=32)
    note = models.TextField(help_text="C2SP signed note, to be kept outside.")
    key = models.ForeignKey(CheckpointKey, on_delete=models.PROTECT, related_name="checkpoints")
    at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.size} entries at {self.at:%Y-%m-%d %H:%M} UTC"


class Reader(models.Model):
    """How far one reader of the history has come."""

    name = models.CharField(max_length=64, primary_key=True)
    position = models.PositiveBigIntegerField(default=0, help_text="The next position to read.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Failed tries of that position.")
    error = models.TextField(blank=True, help_text="What the last of them failed of.")
    moved_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name


class ParkedEvent(models.Model):
    """An event that a reader kept failing on. The reader went on; staff may run it again."""

    class State(models.TextChoices):
        PARKED = "parked", "Parked"
        DONE = "done", "Done"

    reader = models.ForeignKey(Reader, on_delete=models.PROTECT, related_name="parked")
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="parked")
    state = models.CharField(max_length=8, choices=State, default=State.PARKED)
    attempts = models.PositiveSmallIntegerField()
    error = models.TextField()
    parked_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ("view",)
        permissions: ClassVar = [("rerun_parkedevent", "Can run a parked event again")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["reader", "event"], name="history_parkedevent_once"),
        ]
        indexes: ClassVar = [
            # what still waits for staff, newest first
            models.Index(fields=["state", "id"], name="history_parkedevent_state"),
        ]

    def __str__(self) -> str:
        return f"{self.reader_id}: {self.event_id}"
