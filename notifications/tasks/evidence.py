"""Deliveries of evaluator notifications."""

from __future__ import annotations

from celery import shared_task

from config.kit import clock
from notifications.services.evidence_mail import evidence_deliveries_follow


@shared_task(name="notifications.evidence_deliveries")
def evidence_deliveries() -> int:
    return evidence_deliveries_follow(at=clock.now())
