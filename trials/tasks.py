"""Celery tasks: adapters over the services, safe to run twice."""

from __future__ import annotations

from celery import shared_task

from config.kit import clock
from trials.services.evidence.daily import evidence_tend
from trials.services.requesting import requests_lapse
from trials.services.running import trial_sweep


@shared_task(name="trials.sweep")
def sweep_trials() -> int:
    at = clock.now()
    requests_lapse(at=at)
    return trial_sweep(at=at)


@shared_task(name="trials.evidence")
def draft_evidence() -> int:
    """Every hour: no trial ends silently (B17, B25)."""
    return evidence_tend(at=clock.now())
