"""Expiry digests: adapters between Celery and the services."""

from __future__ import annotations

from datetime import date

from celery import shared_task

from config.kit import actors
from config.kit.clock import now
from notifications.models import ExpiryDigest
from notifications.services import digest_runs

ACTOR = actors.system("digest")


@shared_task(name="notifications.digests_sweep")
def digests_sweep() -> int:
    """Each digest that is due, in a task of its own."""
    return digest_runs.digests_sweep(at=now())


@shared_task(name="notifications.digest_run")
def digest_run(digest_id: int, day: str) -> bool:
    """Make the digest of a day; False when it was made already, or the digest is gone or off."""
    digest = ExpiryDigest.objects.filter(pk=digest_id, enabled=True).first()
    if digest is None:
        return False
    return digest_runs.digest_run(digest=digest, day=date.fromisoformat(day), actor=ACTOR, at=now()).new
