"""Figures of the sync for its pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet

from crm.domain.sync.fields import ObjectKind
from crm.models import Connection, CrmLink, SyncConflict, SyncJob, SyncRun
from crm.sync_facts import labels_of


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


@dataclass(frozen=True, slots=True)
class Buried:
    """A record that was deleted over there: the link, how staff know what is ours, and since when."""

    link: CrmLink
    label: str


def buried_of(connection: Connection, most: int) -> list[Buried]:
    """The records that were deleted over there, the newest first."""
    links = list(connection.links.exclude(tombstone_at=None).order_by("-tombstone_at", "-pk")[:most])
    known = {
        kind: labels_of(kind, [link.object_id for link in links if link.kind == kind]) for kind in ObjectKind
    }
    return [
        Buried(link, known[ObjectKind(link.kind)].get(link.object_id, "gone here, too")) for link in links
    ]


def conflicts_open() -> QuerySet[SyncConflict]:
    return SyncConflict.objects.filter(resolution="")
