"""Handoffs of a follow-up: who takes the trial on, and what happens next (B12, B15)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from config.kit.errors import FieldError, Invalid
from trials.domain.evidence.words import HandoffKind, StageName, TrackingKind
from trials.models import EvidencePackage, Handoff
from trials.services.evidence.checking import demand_references
from trials.services.evidence.packages import package_keep, trial_lock, version_to_write
from trials.tracking import handoff_task, task_ref, tasks_are_kept


def handoff_set(
    *,
    package: EvidencePackage,
    kind: HandoffKind,
    owner_ref: str = "",
    next_action_ref: str = "",
    tracking_kind: TrackingKind = TrackingKind.EXTERNAL,
    tracking_ref: str = "",
    actor: str,
    at: datetime,
) -> Handoff:
    """Write one handoff of a follow-up package, replacing the one of its kind. An approved version gets a next one.

    A CRM task without a reference is one that the CRM makes, where there is a CRM: the event names it (B15).
    Raises Invalid, NotSuperseded.
    """
    _demand_follow_up(package)
    task = handoff_task(package.trial, kind)
    in_crm = tracking_kind is TrackingKind.CRM_TASK
    if in_crm and not tracking_ref and tasks_are_kept():
        tracking_ref = task_ref(task)
    asked = {"task": str(task)} if in_crm and tracking_ref == task_ref(task) else {}
    references = {"owner_ref": owner_ref, "next_action_ref": next_action_ref, "tracking_ref": tracking_ref}
    demand_references(references)
    with transaction.atomic():
        row = version_to_write(package, actor=actor, at=at)
        handoff, _ = Handoff.objects.update_or_create(
            package=row,
            kind=kind,
            defaults={**references, "tracking_kind": tracking_kind},
            create_defaults={**references, "tracking_kind": tracking_kind, "created_at": at},
        )
        package_keep(row, {"handoff": str(kind), **asked}, actor=actor, at=at)
    return handoff


def handoff_drop(*, package: EvidencePackage, kind: HandoffKind, actor: str, at: datetime) -> EvidencePackage:
    """Take one handoff out of a follow-up package; a no-op when it is not there. Raises Invalid, NotSuperseded."""
    _demand_follow_up(package)
    with transaction.atomic():
        trial_lock(package.trial)
        if not Handoff.objects.filter(package=package, kind=kind).exists():
            return package  # before a version is opened: what was decided stays decided
        row = version_to_write(package, actor=actor, at=at)
        Handoff.objects.filter(package=row, kind=kind).delete()
        package_keep(row, {"handoff_dropped": str(kind)}, actor=actor, at=at)
    return row


def _demand_follow_up(package: EvidencePackage) -> None:
    if package.stage != StageName.FOLLOW_UP:
        raise Invalid([FieldError("package", "wrong_stage", "Handoffs belong to the follow-up.")])
