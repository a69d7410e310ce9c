"""Whether doors are shut to a trial that ended (B25). The expected result is always `blocked`."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from config.kit.errors import FieldError, Invalid
from history.domain.kinds import Kind
from licenses.domain.enums import LicenseStatus
from licenses.errors import ArtifactNotKept
from licenses.models import License
from licenses.selectors import latest_issuance
from licenses.services.artifacts import artifact_text
from licenses.validation import Question, verdict_for
from trials.domain.evidence.words import AccessCheck, CheckResult
from trials.models import BlockedAccessCheck, Trial
from trials.services.events import record_trial
from trials.services.evidence.checking import demand_references
from trials.services.evidence.evaluating import ACTOR, chain_evaluate
from trials.services.evidence.packages import trial_lock

NOT_KEPT = "text_not_kept"


def license_check_run(*, trial: Trial, actor: str = ACTOR, at: datetime) -> BlockedAccessCheck:
    """Present the trial's own license to our validation, as its deployment would, and keep what that said.

    Where the text was not kept its live row is asked instead. A license in its runtime grace is still allowed:
    the check fails then, and passes when it is run again after the grace.
    """
    row = License.objects.select_related("account", "product").get(pk=trial.license_id)
    allowed, reason = _validate(row, actor, at)
    result = CheckResult.ALLOWED if allowed else CheckResult.BLOCKED
    return _keep(
        trial, AccessCheck.LICENSE_VALIDATION, result, reason=reason, by=BlockedAccessCheck.By.SIGNET,
        reference=f"license:{row.public_id}", actor=actor, at=at,
    )  # fmt: skip


def access_check_attest(
    *, trial: Trial, check: AccessCheck, result: CheckResult, reference: str, actor: str, at: datetime
) -> BlockedAccessCheck:
    """Keep what somebody found at a door that is not ours, with a reference to the proof. Raises Invalid."""
    if check is AccessCheck.LICENSE_VALIDATION:
        raise Invalid([FieldError("check", "run_by_signet", "Signet tries the license itself.")])
    if not reference:
        raise Invalid([FieldError("reference", "required", "Refer to where this was found.")])
    demand_references({"reference": reference})
    return _keep(
        trial,
        check,
        result,
        reason="",
        by=BlockedAccessCheck.By.ATTESTED,
        reference=reference,
        actor=actor,
        at=at,
    )


def _validate(row: License, actor: str, at: datetime) -> tuple[bool, str]:
    issuance = latest_issuance(row)
    if issuance is not None:
        try:
            text = artifact_text(issuance=issuance, actor=actor, at=at)
        except ArtifactNotKept:
            pass
        else:
            judged = verdict_for(Question(text=text), at=at)
            return judged.ok, judged.reason or "ok"
    over = row.expires_at is not None and row.expires_at <= at
    return row.status == LicenseStatus.ACTIVE and not over, NOT_KEPT


def _keep(
    trial: Trial, check: AccessCheck, result: CheckResult, *, reason: str, by: str, reference: str, actor: str,
    at: datetime,
) -> BlockedAccessCheck:  # fmt: skip
    with transaction.atomic():
        row = trial_lock(trial)
        kept = BlockedAccessCheck.objects.create(
            trial=row, check_name=check, result=result, reason=reason, by=by, reference=reference, actor=actor,
            checked_at=at,
        )  # fmt: skip
        data = {"check": check.value, "result": result.value, "reason": reason, "by": by}
        record_trial(Kind.ACCESS_CHECKED, row, data, actor=actor, at=at)
        chain_evaluate(trial=row, at=at)
    return kept
