"""Celery tasks: adapters over the services, safe to run twice."""

from __future__ import annotations

from celery import shared_task

from config.kit import clock
from trials.evidence_lists import license_checks_due
from trials.services.evidence.checks import license_check_run
from trials.services.evidence.drafting import evidence_draft
from trials.services.requesting import requests_lapse
from trials.services.running import trial_sweep

MOST_CHECKS = 2_000


@shared_task(name="trials.sweep")
def sweep_trials() -> int:
    at = clock.now()
    requests_lapse(at=at)
    return trial_sweep(at=at)


@shared_task(name="trials.evidence")
def draft_evidence() -> int:
    """B17, B25: drafts for every trial past its end, and its license tried at our own door."""
    at = clock.now()
    drafted = evidence_draft(at=at)
    for trial in license_checks_due(at).order_by("pk")[:MOST_CHECKS]:
        license_check_run(trial=trial, at=at)
    return drafted
