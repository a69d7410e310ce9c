"""What trials learn from history: revoked licenses end them, purchases convert them, beats wake them up."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from config.kit.locks import referable
from history.domain.kinds import Kind
from history.models import Event
from licenses.domain import enums
from licenses.models import License
from trials.models import Trial
from trials.services.evidence.notifying import notification_task_done
from trials.services.running import engagement_refresh, trial_convert, trial_revoke

KINDS = (
    Kind.LICENSE_CREATED,
    Kind.LICENSE_RENEWED,
    Kind.LICENSE_REVOKED,
    Kind.INSTALLATION_SEEN_FIRST,
    Kind.INSTALLATION_CHANGED,
    Kind.NODE_CAP_EXCEEDED,
    Kind.NODE_CAP_CLEARED,
    Kind.TASK_CHANGED,
)
ACTOR = "system:trials"
DONE = "done"


def follow(event: Event, *, at: datetime) -> None:
    """The reader `trials`: one event, in the transaction that moves its cursor."""
    if event.kind == Kind.TASK_CHANGED:
        _task_changed(event, at)
        return
    row = License.objects.select_related("account").by_public_id(event.subject.partition(":")[2]).first()
    if row is None:
        return
    if event.kind == Kind.LICENSE_CREATED:
        _converted(row, at)
        return
    for trial in Trial.objects.filter(license=row, ended_at=None):
        if event.kind == Kind.LICENSE_REVOKED:
            trial_revoke(trial=trial, reason="", actor=ACTOR, at=at)
        elif event.kind == Kind.LICENSE_RENEWED:
            _prolonged(trial, row, at)
        else:
            engagement_refresh(trial=trial, at=at)


def _task_changed(event: Event, at: datetime) -> None:
    """A task by which an evaluator was to be told is done (B18)."""
    if event.data.get("to") == DONE:
        task = event.subject.partition(":")[2]
        notification_task_done(task=task, happened_at=event.at, at=at)


def _converted(row: License, at: datetime) -> None:
    """A commercial license of the account for the product that it tries (A19)."""
    if row.kind != enums.Kind.COMMERCIAL or row.internal:
        return
    running = Trial.objects.filter(account=row.account, program__product=row.product_id, ended_at=None)
    for trial in running:
        trial_convert(trial=trial, license=row, actor=ACTOR, at=at)


def _prolonged(trial: Trial, row: License, at: datetime) -> None:
    """Staff renewed the license itself: the trial ends when it does."""
    with transaction.atomic():
        held = referable(Trial.objects.filter(pk=trial.pk)).get()
        if row.expires_at is not None and row.expires_at > held.ends_at:
            held.place_end(row.expires_at)
            held.save(update_fields=["ends_at", "middle_at"])
    engagement_refresh(trial=trial, at=at)
