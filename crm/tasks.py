"""Celery tasks: adapters over the services, safe to run twice."""

from __future__ import annotations

from celery import shared_task

from config.kit import clock
from crm.services.counting import traffic_count
from crm.services.enriching import people_enrich
from crm.sync_tasks import expire_inbound, sync

__all__ = ["count", "enrich", "expire_inbound", "sync"]


@shared_task(name="crm.enrich")
def enrich() -> int:
    """A20: what heartbeats say."""
    return people_enrich(at=clock.now())


@shared_task(name="crm.count")
def count() -> int:
    """A24: days that are over."""
    return traffic_count(at=clock.now())
