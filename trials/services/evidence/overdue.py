"""Telling history that a follow-up is late, so that whoever follows it can act (B17)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from history.domain.kinds import Kind
from history.models import Event
from trials.domain.evidence.words import StageName, State
from trials.evidence_lists import follow_ups_late
from trials.models import EvidencePackage
from trials.services.events import record_trial
from trials.services.evidence.packages import latest_of, trial_lock

ACTOR = "system:evidence"


def overdue_tell(*, at: datetime, limit: int = 2_000) -> int:
    """Write one event for each trial whose follow-up is late; return how many.

    Once, and again when it was ready meanwhile and blocks anew. The oldest first, each under its lock: safe to run
    twice, late and in parallel.
    """
    late = follow_ups_late(at).filter(trial__overdue_at__isnull=True)
    return sum(_tell(row, at) for row in late[:limit])


@transaction.atomic
def _tell(late: EvidencePackage, at: datetime) -> bool:
    trial = trial_lock(late.trial)
    row = latest_of(trial, StageName.FOLLOW_UP)
    if trial.overdue_at is not None or row is None or row.state != State.BLOCKED:
        return False
    trial.overdue_at = at
    trial.save(update_fields=["overdue_at"])
    data: dict[str, Any] = {"package": str(row.uid), "version": row.version, "blockers": len(row.blockers)}
    if Event.objects.filter(kind=Kind.EVIDENCE_OVERDUE, subject=f"trial:{trial.uid}").exists():
        data["again"] = True
    record_trial(Kind.EVIDENCE_OVERDUE, trial, data, actor=ACTOR, at=at)
    return True
