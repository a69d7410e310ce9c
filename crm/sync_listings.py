"""Figures of the sync for its pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet

from crm.models import Connection, SyncConflict, SyncJob, SyncRun


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a full comparison has come."""

    done: int
    total: int
    since: datetime
    ended: datetime | None

    @property
    def percent(self) -> int:
        return 100 if self.ended or not self.total else min(99, self.done * 100 // self.total)


def progress_of(connection: Connection) -> Progress | None:
    """The comparison under way, or the last one; None when there never was one."""
    run = SyncRun.objects.filter(connection=connection).order_by("-id").first()
    if run is None:
        return None
    left = run.jobs.exclude(state=SyncJob.State.FAILED).count()
    return Progress(max(0, run.queued - left), max(run.total, run.queued), run.started_at, run.ended_at)


def counts_of(connection: Connection) -> dict[str, int]:
    """How many jobs there are by state, how many conflicts, links and tombstones."""
    states = connection.jobs.values("state").annotate(n=Count("pk")).values_list("state", "n")
    found = dict.fromkeys(SyncJob.State.values, 0) | dict(states)
    found["conflicts"] = conflicts_open().filter(connection=connection).count()
    found["linked"] = connection.links.filter(tombstone_at=None).exclude(external_id="").count()
    found["buried"] = connection.links.exclude(tombstone_at=None).count()
    return found


def conflicts_open() -> QuerySet[SyncConflict]:
    return SyncConflict.objects.filter(resolution="")
