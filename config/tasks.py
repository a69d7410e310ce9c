"""Tasks of the composition itself."""

from __future__ import annotations

from celery import shared_task

from config.heartbeat import beat_record
from config.kept_figures import figures_refresh
from config.kit.clock import now


@shared_task(name="config.beat_tick")
def beat_tick() -> None:
    """Say that beat, the broker and this worker are alive."""
    beat_record(at=now())


@shared_task(name="config.refresh_figures")
def refresh_figures() -> bool:
    """Count for the first page of a large office."""
    return figures_refresh(at=now())
