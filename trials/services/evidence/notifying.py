"""Telling the evaluator how a trial ended, and following how far that came (B14, B18)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from config.kit import ids
from config.kit.errors import FieldError, Invalid, NotFound
from config.kit.locks import locked
from history.domain.kinds import Kind
from trials.domain.evidence.words import DeliveryState, NotificationChannel, StageName
from trials.evidence_errors import DeliveryKnown
from trials.models import EvaluatorNotification, EvidencePackage
from trials.services.evidence.checking import demand_references
from trials.services.evidence.evaluating import chain_evaluate, record_package
from trials.services.evidence.packages import package_keep, trial_lock, version_to_write
from trials.tracking import task_ref, tasks_are_kept

FOLLOWER = "system:trials"


def evaluator_notify(
    *,
    package: EvidencePackage,
    channel: NotificationChannel,
    tracking_ref: str = "",
    delivery_owner_ref: str = "",
    actor: str,
    at: datetime,
) -> EvaluatorNotification:
    """Tell the evaluator through a channel; the follow-up package then refers to it (B9).

    Through `email` the mail is written by whoever follows `evaluator.notified`; the other channels are worked by
    people, who give a tracking reference. A CRM task without one is made by the CRM, where there is a CRM, which
    follows the same event: the task has the uid of the notification. Raises Invalid, NotSuperseded.
    """
    if package.stage != StageName.FOLLOW_UP:
        raise Invalid([FieldError("package", "wrong_stage", "The evaluator is told in the follow-up.")])
    demand_references({"tracking_ref": tracking_ref, "delivery_owner_ref": delivery_owner_ref})
    uid, by_mail = ids.uuid7(), channel is NotificationChannel.EMAIL
    asked = {}
    if channel is NotificationChannel.CRM_TASK and not tracking_ref and tasks_are_kept():
        tracking_ref, asked = task_ref(uid), {"task": str(uid)}
    if not by_mail and not tracking_ref:
        raise Invalid([FieldError("tracking_ref", "required", f"Say where {channel.value} is followed.")])
    with transaction.atomic():
        row = version_to_write(package, actor=actor, at=at)
        told = EvaluatorNotification.objects.create(
            uid=uid,
            package=row,
            channel=channel,
            tracking_ref=tracking_ref,
            requested_by=actor,
            requested_at=at,
            state_at=at,
        )
        row.values = {
            **row.values,
            "notification_channel": channel.value,
            "notification_ref": f"notification:{told.uid}",
            "delivery_tracking_ref": tracking_ref or f"notification:{told.uid}",
            "delivery_owner_ref": delivery_owner_ref or row.values.get("delivery_owner_ref") or actor,
        }
        package_keep(row, {"notification": str(told.uid)}, actor=actor, at=at)
        data = {"notification": str(told.uid), "channel": channel.value, **asked}
        record_package(Kind.EVALUATOR_NOTIFIED, row, data, actor=actor, at=at)
    return told


def notification_state_set(
    *, uid: str, state: DeliveryState, actor: str, at: datetime
) -> EvaluatorNotification:
    """Keep how far a notification has come; the same state again changes nothing.

    Of a mail only the send log says it, through a `system:` actor. Raises NotFound, DeliveryKnown.
    """
    with transaction.atomic():
        told = locked(EvaluatorNotification.objects.filter(uid=uid)).first()
        if told is None:
            raise NotFound
        if told.state == state:
            return told
        if not actor.startswith("system:"):
            _demand_worked_by_people(told, state)
        told.state, told.state_at = state.value, at
        told.save(update_fields=["state", "state_at"])
        package = told.package
        package.trial = trial_lock(package.trial)
        data = {"notification": str(told.uid), "state": state.value}
        record_package(Kind.EVALUATOR_DELIVERY, package, data, actor=actor, at=at)
        chain_evaluate(trial=package.trial, at=at)
    return told


def notification_task_done(*, task: str, happened_at: datetime, at: datetime) -> None:
    """Whoever finished the task that a notification asked for has told the evaluator.

    What somebody said of it after that holds.
    """
    told = EvaluatorNotification.objects.filter(uid=task, channel=NotificationChannel.CRM_TASK).first()
    if told is not None and told.state_at <= happened_at:
        notification_state_set(uid=task, state=DeliveryState.DELIVERED, actor=FOLLOWER, at=at)


def _demand_worked_by_people(told: EvaluatorNotification, state: DeliveryState) -> None:
    if told.channel == NotificationChannel.EMAIL:
        raise DeliveryKnown("Of a mail the send log says how far it came.")
    if state is DeliveryState.QUEUED:
        raise DeliveryKnown("What was on its way is not queued again: tell the evaluator once more.")
