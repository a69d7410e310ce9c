"""What mail about a trial says: from rows to plain values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from licenses.models import License
from trials.models import Trial


def trial_context(trial: Trial, *, at: datetime) -> dict[str, Any]:
    """What every mail of a trial's course is rendered with; load license, product and program with it."""
    row = trial.license
    return {
        "name": trial.name.partition(" ")[0],
        "account": trial.account.name,
        "product": row.product.name,
        "edition": row.edition,
        "engagement": trial.engagement,
        "heard": trial.first_beat_at is not None,
        "days_since": max(0, (at - trial.started_at).days),
        "days_left": max(0, -((at - trial.ends_at).days)),
        "ends": said(trial.ends_at),
        "ends_on": said(trial.ends_at, clock=False),
        "grace_days": row.grace_days,
        "extendable": trial.extensions < trial.program.extensions_max,
        "license_id": row.public_id,
    }


def said(at: datetime, *, clock: bool = True) -> str:
    """An instant as people read it, with its zone."""
    local = at.astimezone(UTC)
    day = f"{local.day} {local:%B %Y}"
    return f"{day}, {local:%H:%M} UTC" if clock else day


def limits_said(row: License) -> str:
    """`10 seats and 1 node`; nothing for a license without limits."""
    counts = [(row.seats, row.product.seat_label.rstrip("s") or "seat"), (row.nodes, "node")]
    return " and ".join(f"{count} {name}{'' if count == 1 else 's'}" for count, name in counts if count)
