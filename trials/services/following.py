"""What trials learn from history: revoked licenses end them, purchases convert them, beats wake them up."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from config.kit.locks import referable
from history.domain.kinds import Kind
from history.models import Event
from licenses.domain import enums
from licenses.models import License
from trials.models import Trial
from trials.services.evidence.notifying import notification_task_done
from trials.services.running import engagement_refresh, trial_convert, trial_revoke
from trials.services.uses import uses_keep, uses_of_trial

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
LATE_DAYS = 90
"""A purchase counts for a trial at least so long after its end; longer where its cooldown is."""


def follow(event: Event, *, at: datetime) -> None:
    """The reader `trials`: one event, in the transaction that moves its cursor."""
    if event.kind == Kind.TASK_CHANGED:
        _task_changed(event, at)
        return
    row = License.objects.select_related("account").by_public_id(event.subject.partition(":")[2]).first()
    if row is None:
        return
    if event.kind == Kind.LICENSE_CREATED:
        _converted(row, event.at, at)
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


def _converted(row: License, bought_at: datetime, at: datetime) -> None:
    """A commercial license of the account for the product that it tries, or tried before (A19)."""
    if row.kind != enums.Kind.COMMERCIAL or row.internal:
        return
    trials = Trial.objects.select_related("program").filter(
        account=row.account, program__product=row.product_id
    )
    newest = trials.order_by("-started_at", "-pk").first()
    late = [newest] if newest is not None and _counts_late(newest, bought_at) else []
    for trial in list(trials.filter(ended_at=None)) or late:
        trial_convert(trial=trial, license=row, actor=ACTOR, at=at)


def _counts_late(trial: Trial, bought_at: datetime) -> bool:
    """Does a purchase of that instant count for a trial that is over? Also one that history tells late."""
    if trial.ended_at is None or not trial.may_convert:
        return False
    lasts = timedelta(days=max(LATE_DAYS, trial.program.cooldown_days))
    return trial.started_at <= bought_at < trial.ended_at + lasts


def _prolonged(trial: Trial, row: License, at: datetime) -> None:
    """Staff renewed the license itself: the trial ends when it does."""
    with transaction.atomic():
        uses = uses_of_trial(trial)
        held = referable(Trial.objects.select_related("program").filter(pk=trial.pk)).get()
        if row.expires_at is not None and row.expires_at > held.ends_at:
            held.place_end(row.expires_at)
            held.save(update_fields=["ends_at", "middle_at"])
            uses_keep(uses, held, at)
    engagement_refresh(trial=trial, at=at)
