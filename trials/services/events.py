"""Events of trials: ids, states and counts; who asked stands in rows that can be erased."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from history.domain.kinds import Kind
from history.services import NewEvent, record_many
from trials.models import Trial, TrialRequest


def record_trial(kind: Kind, row: Trial, data: dict[str, Any], *, actor: str, at: datetime) -> None:
    """Write one event about a trial, in the transaction of its change."""
    record_many([trial_event(kind, row, data, actor=actor, at=at)])


def trial_event(kind: Kind, row: Trial, data: dict[str, Any], *, actor: str, at: datetime) -> NewEvent:
    """Return an event about a trial, to be written with those of others in the transaction of their change."""
    return NewEvent(
        kind=kind,
        subject=f"trial:{row.uid}",
        account=row.account.customer_id,
        actor=actor,
        data={"program": row.program.slug, "license": row.license.public_id, **data},
        at=at,
    )


def record_request(kind: Kind, row: TrialRequest, data: dict[str, Any], *, actor: str, at: datetime) -> None:
    """Write one event about a request, in the transaction of its change."""
    record_many([request_event(kind, row, data, actor=actor, at=at)])


def request_event(
    kind: Kind, row: TrialRequest, data: dict[str, Any], *, actor: str, at: datetime
) -> NewEvent:
    """Return an event about a request, to be written with those of others in the transaction of their change."""
    return NewEvent(
        kind=kind,
        subject=f"trial_request:{row.uid}",
        account=row.account.customer_id if row.account else "",
        actor=actor,
        data={"program": row.program.slug, "state": row.state, **data},
        at=at,
    )
