"""Posture changes and what deployments refuse: each becomes one event (A13)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from config.kit.locks import locked
from config.kit.updates import update_rows
from history.services import NewEvent, record, record_many
from licenses.models import License
from licenses.postures import place_posture

BATCH = 200


def posture_sweep(*, at: datetime, limit: int = 10_000) -> int:
    """Bring the stored posture of every license whose time has come up to date; return how many changed.

    Writes one event a change and none without a change. Works in small batches, so it may be interrupted,
    run late or run twice: a license that skipped two postures gets one event from the old to the new one.
    """
    changed = seen = 0
    while seen < limit:
        due = License.objects.filter(posture_due_at__lte=at).order_by("posture_due_at")
        ids = list(due.values_list("pk", flat=True)[: min(BATCH, limit - seen)])
        if not ids:
            break
        seen += len(ids)
        changed += _sweep_batch(ids, at)
    return changed


def _sweep_batch(ids: list[int], at: datetime) -> int:
    with transaction.atomic():
        due = License.objects.select_related("account").filter(pk__in=ids, posture_due_at__lte=at)
        rows, events = list(locked(due).order_by("pk")), []
        for row in rows:
            before = row.posture
            if place_posture(row, at):
                events.append(_changed(row, before, "system:posture-sweep", at))
        update_rows(rows, ["posture", "posture_due_at"])
        return record_many(events)


def record_posture(row: License, *, before: str, actor: str, at: datetime) -> None:
    """Write the event of one posture change; call in the transaction of the change."""
    record_many([_changed(row, before, actor, at)])


def _changed(row: License, before: str, actor: str, at: datetime) -> NewEvent:
    return NewEvent(
        kind="posture.changed",
        subject=f"license:{row.public_id}",
        account=row.account.customer_id,
        actor=actor,
        data={"from": before, "to": row.posture},
        at=at,
    )


def denial_record(
    *,
    license: License,  # noqa: A002 - the word of the vocabulary
    reason: str,
    data: Mapping[str, Any] | None = None,
    actor: str,
    at: datetime,
) -> None:
    """Keep that a deployment refused something under this license, e.g. one user too many (A5, A13)."""
    with transaction.atomic():
        _record("license.denied", license, {"reason": reason, **(data or {})}, actor, at)


def clear_record(*, license: License, actor: str, at: datetime) -> None:  # noqa: A002 - the word of the vocabulary
    """Keep that a deployment removed its license (A13)."""
    with transaction.atomic():
        _record("license.cleared", license, {"status": str(license.status)}, actor, at)


def _record(kind: str, row: License, data: dict[str, Any], actor: str, at: datetime) -> None:
    record(
        kind=kind,
        subject=f"license:{row.public_id}",
        account=row.account.customer_id,
        actor=actor,
        data=data,
        at=at,
    )
