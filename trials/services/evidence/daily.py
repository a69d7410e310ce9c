"""What is done about the evidence of trials without anybody asking: every hour, each item on its own (B17, B25)."""

from __future__ import annotations

from datetime import datetime

import structlog

from trials.evidence_lists import license_checks_due
from trials.models import Trial
from trials.services.evidence.checks import license_check_run
from trials.services.evidence.drafting import evidence_draft
from trials.services.evidence.overdue import overdue_tell

MOST_CHECKS = 2_000
log = structlog.get_logger(__name__)


def evidence_tend(*, at: datetime) -> int:
    """Draft for every trial past its end, tell what is late, and try the licenses at our own door.

    Returns how many trials got drafts. Safe to run twice; a run that was missed is made up for by the next.
    """
    drafted = evidence_draft(at=at)
    overdue_tell(at=at)
    for trial in license_checks_due(at).order_by("pk")[:MOST_CHECKS]:
        _check(trial, at)
    return drafted


def _check(trial: Trial, at: datetime) -> None:
    """One that fails is tried again with the next run."""
    try:
        license_check_run(trial=trial, at=at)
    except Exception:
        log.exception("license_check_failed", trial=str(trial.uid))
