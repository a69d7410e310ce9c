"""Celery tasks: adapters over the services, safe to run twice."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from config.kit import actors, clock
from licenses.services.activations import activations_sweep
from licenses.services.beat_buffer import beats_drain
from licenses.services.job_checks import job_check
from licenses.services.jobs import job_run, jobs_sweep
from licenses.services.node_caps import node_cap_sweep
from licenses.services.posture import posture_sweep
from licenses.services.reissuing import licenses_reissue
from licenses.services.retention import artifacts_expire
from licenses.services.selflicense import selflicense_refresh


@shared_task(name="licenses.posture_sweep")
def sweep_postures() -> int:
    return posture_sweep(at=clock.now())


@shared_task(name="licenses.reissue_revoked")
def reissue_revoked(kid: str | None = None) -> int:
    return licenses_reissue(kid=kid, actor=actors.system("reissue"), at=clock.now())


@shared_task(name="licenses.selflicense_refresh")
def refresh_own_license() -> str:
    """C5: hourly. A missed run is made up for by the next one; nothing depends on how many there were."""
    return selflicense_refresh(actor=actors.system("self-license"), at=clock.now()).outcome


@shared_task(name="licenses.node_cap_sweep")
def sweep_node_caps() -> int:
    return node_cap_sweep(at=clock.now())


@shared_task(name="licenses.beats_drain")
def drain_beats() -> int:
    """Apply buffered heartbeats; nothing to do where they are not buffered."""
    return beats_drain() if settings.HEARTBEAT_BUFFER else 0


@shared_task(name="licenses.activations_sweep")
def sweep_activations() -> int:
    return activations_sweep(at=clock.now())


@shared_task(name="licenses.job_run")
def run_job(job_id: int) -> None:
    job_run(job_id=job_id, clock=clock.now)


@shared_task(name="licenses.job_check")
def check_job(job_id: int) -> None:
    job_check(job_id=job_id, clock=clock.now)


@shared_task(name="licenses.jobs_sweep")
def sweep_jobs() -> int:
    return jobs_sweep(at=clock.now())


@shared_task(name="licenses.artifacts_expire")
def expire_artifacts() -> int:
    return artifacts_expire(at=clock.now())
