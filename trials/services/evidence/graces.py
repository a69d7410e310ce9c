"""More time for a trial that goes on, granted by a person (B10)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from config.kit.errors import FieldError, Invalid
from history.domain.kinds import Kind
from licenses.models import Channel
from licenses.services.renewing import license_renew
from trials.models import GraceApproval, Trial
from trials.services.events import record_trial
from trials.services.evidence.packages import trial_lock


def grace_approve(
    *, trial: Trial, until: datetime, renew: bool = False, actor: str, at: datetime
) -> GraceApproval:
    """Record that a trial may go on until then; `renew` also gives its license that end (A26).

    The caller has checked the right to (`trials.approve_evidence`). Raises Invalid, and what renewing raises.
    """
    if until <= at:
        raise Invalid([FieldError("until", "in_the_past", "A grace ends in the future.")])
    with transaction.atomic():
        row = trial_lock(trial)
        grace = GraceApproval.objects.create(trial=row, until=until, approver=actor, approved_at=at)
        data = {"grace": str(grace.uid), "until": until.isoformat(), "renewed": renew}
        record_trial(Kind.GRACE_APPROVED, row, data, actor=actor, at=at)
        if renew:
            license_renew(
                license=row.license, until=until, reason="grace", persist=True, channel=Channel.TRIAL,
                actor=actor, at=at,
            )  # fmt: skip
            if row.ended_at is None:
                row.place_end(until)
                row.save(update_fields=["ends_at", "middle_at"])
    return grace
