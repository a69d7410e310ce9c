"""More time for a trial that goes on, granted by a person (B10)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from config.kit.errors import FieldError, Invalid
from history.domain.kinds import Kind
from licenses.models import Channel
from licenses.services.renewing import license_renew
from trials.domain.evidence.words import ExpiryOutcome, StageName
from trials.models import GraceApproval, Trial
from trials.services.events import record_trial
from trials.services.evidence.evaluating import ACTOR
from trials.services.evidence.packages import latest_of, package_keep, trial_lock
from trials.services.uses import uses_keep, uses_of_trial

LONGEST = timedelta(days=366)


def grace_approve(
    *, trial: Trial, until: datetime, renew: bool = False, actor: str, at: datetime
) -> GraceApproval:
    """Record that a trial may go on until then; `renew` also gives its license that end (A26).

    A follow-up that nobody has decided on then refers to it (B10). The caller has checked the right to
    (`trials.approve_evidence`). Raises Invalid, and what renewing raises.
    """
    if until <= at:
        raise Invalid([FieldError("until", "in_the_past", "A grace ends in the future.")])
    if until > at + LONGEST:
        raise Invalid([FieldError("until", "too_far", "A grace ends within a year.")])
    with transaction.atomic():
        uses = uses_of_trial(trial)
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
                uses_keep(uses, row, at)
        _refer(row, grace, at)
    return grace


def _refer(trial: Trial, grace: GraceApproval, at: datetime) -> None:
    """Not as the approver: whoever grants the grace did not write the follow-up (B19)."""
    expiry, row = latest_of(trial, StageName.EXPIRY), latest_of(trial, StageName.FOLLOW_UP)
    revoked = expiry is not None and expiry.values.get("outcome") == ExpiryOutcome.REVOKED
    if row is None or revoked or row.approvals.exists():
        return
    row.trial, reference = trial, f"grace:{grace.uid}"
    row.values = {**row.values, "grace_ref": reference, "grace_approval_ref": reference}
    package_keep(row, {"grace": str(grace.uid)}, actor=ACTOR, at=at)
