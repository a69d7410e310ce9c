"""What is to be done, by whom and until when."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Account
from config.kit import ids
from config.kit.clock import now
from crm.domain.words import TaskKind, TaskStatus
from crm.models.people import Person
from licenses.models.catalogue import choices


class Task(models.Model):
    """One thing for a member of staff to do.

    What happened makes a task once: `dedupe_key` names the cause and is unique; tasks made by hand have none.
    `subject_type` and `subject_id` name what it is about as history does, `license` and `L-…`.
    """

    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=choices(TaskKind), default=TaskKind.FOLLOW_UP)
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True, max_length=10_000, help_text="What is known about it.")
    next_action = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=11, choices=choices(TaskStatus), default=TaskStatus.OPEN)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="tasks",
        db_constraint=False,
        db_index=False,
    )
    due_on = models.DateField(null=True, blank=True)
    snoozed_until = models.DateField(null=True, blank=True, help_text="Out of the way until this day.")
    account = models.ForeignKey(
        Account,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="tasks",
        db_constraint=False,
    )
    person = models.ForeignKey(Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="tasks")
    subject_type = models.CharField(max_length=40, blank=True)
    subject_id = models.CharField(max_length=64, blank=True)
    dedupe_key = models.CharField(max_length=160, unique=True, null=True, blank=True, editable=False)
    created_by = models.CharField(max_length=80, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)
    changed_at = models.DateTimeField(default=now, editable=False)
    ended_by = models.CharField(max_length=80, blank=True, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(title=""), name="task_says_what"),
            models.CheckConstraint(
                condition=Q(status__in=["open", "in_progress", "done", "dropped"]), name="task_status_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "in_progress"], ended_at__isnull=True)
                | Q(status__in=["done", "dropped"], ended_at__isnull=False),
                name="task_ends_with_its_status",
            ),
        ]
        indexes = [
            # the board: one column, newest first
            models.Index(fields=["status", "-id"], name="task_status"),
            models.Index(fields=["kind", "-id"], name="task_kind"),
            # "My tasks", also serves the foreign key
            models.Index(fields=["owner", "status", "due_on"], name="task_owner"),
            # overdue, and the order by due date
            models.Index(fields=["due_on", "-id"], name="task_due"),
            # what is still to be done about one thing
            models.Index(fields=["subject_type", "subject_id", "status"], name="task_subject"),
            # what changed since: the way out of here
            models.Index(fields=["changed_at", "id"], name="task_changed"),
        ]
        permissions = [("manage_tasks", "Can write, assign, snooze and finish tasks")]

    def __str__(self) -> str:
        return self.title

    @property
    def is_ongoing(self) -> bool:
        return self.ended_at is None


class TaskRule(models.Model):
    """Who gets tasks of a kind whose account has no owner, and how many days there are for them."""

    kind = models.CharField(max_length=16, choices=choices(TaskKind), unique=True, editable=False)
    active = models.BooleanField(default=True, help_text="Off: no more tasks of this kind are made.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_constraint=False,
        help_text="Where the account has no owner, or there is no account.",
    )
    due_days = models.PositiveSmallIntegerField(default=3, help_text="Days until it is due.")

    class Meta:
        default_permissions = ("view", "change")

    def __str__(self) -> str:
        return str(self.get_kind_display())
