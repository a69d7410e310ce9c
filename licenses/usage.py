"""Granted against used of one license (D12): what installations report, and what holds a place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Q, Sum

from licenses.models import Activation, Installation, License
from licenses.services.activations import activations_of


@dataclass(frozen=True, slots=True)
class Used:
    """One limit and its use; granted 0 is unlimited, `used` None was never reported."""

    name: str
    granted: int
    used: int | None

    @property
    def over(self) -> bool:
        return bool(self.granted and self.used is not None and self.used > self.granted)

    @property
    def full(self) -> bool:
        return bool(self.granted and self.used is not None and self.used >= self.granted)


@dataclass(frozen=True, slots=True)
class Usage:
    """What is used of a license. Seats and nodes are those of all its installations together."""

    limits: tuple[Used, ...]
    installations: int
    set_aside: int
    last_seen_at: datetime | None


def license_usage(row: License, at: datetime) -> Usage:
    """What is used of a license at an instant; installations that were set aside are not counted."""
    counted = Q(set_aside_at=None)
    said = Installation.objects.filter(license=row).aggregate(
        counted=Count("pk", filter=counted),
        aside=Count("pk", filter=~counted),
        seats=Sum("seats_used", filter=counted),
        nodes=Sum("nodes", filter=counted),
        seen=Max("last_seen_at", filter=counted),
    )
    places = _places(row, at)
    return Usage(
        limits=(
            Used("seats", row.seats, said["seats"]),
            Used("nodes", row.nodes, said["nodes"]),
            Used("machines", row.machines, places[Activation.Kind.MACHINE]),
            Used("collectors", row.collectors, places[Activation.Kind.COLLECTOR]),
        ),
        installations=said["counted"],
        set_aside=said["aside"],
        last_seen_at=said["seen"],
    )


def _places(row: License, at: datetime) -> dict[str, int]:
    """How many machines and collectors hold a place."""
    counts = dict(activations_of(row.pk, at).order_by().values_list("kind").annotate(Count("pk")))
    return {kind: counts.get(kind, 0) for kind in Activation.Kind.values}
