"""Spells over the node cap (A14 to A16): opened, raised and closed, each step one event."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction

from config.kit.locks import locked
from config.kit.updates import update_rows
from history.domain.kinds import Kind
from history.services import NewEvent, record_many
from licenses.domain.enums import NodeCapState
from licenses.domain.node_caps import Episode, NodeCapWindows, Step, effective_cap, observe
from licenses.models import Installation, NodeCapEpisode

BATCH = 200
KEPT = ["state", "ended_at", "due_at", "cap", "nodes_max"]


def windows() -> NodeCapWindows:
    """The periods of A15 as this installation of Signet sets them."""
    return NodeCapWindows(settings.NODE_CAP_QUIET_DAYS, settings.NODE_CAP_NOTICE_DAYS)


def node_cap_observe(*, installation: Installation, actor: str, at: datetime) -> NodeCapState:
    """Carry the spell of a locked installation over what it runs now; write one event a step.

    Call in the transaction that locked the row, with its license and account loaded.
    """
    row = installation.episodes.filter(ended_at=None).first()
    seen = _seen(installation, row, at)
    if seen.row is not None:
        seen.row.save()
    record_many(_events(installation, seen, actor, at))
    return seen.step.state


class _Seen(NamedTuple):
    """What an installation's cap and spell came to, and the spell's row if it is to be kept."""

    cap: int
    step: Step
    row: NodeCapEpisode | None


def _seen(installation: Installation, row: NodeCapEpisode | None, at: datetime) -> _Seen:
    cap = effective_cap(installation.license.nodes, installation.operator_node_cap)
    before = Episode(row.started_at, NodeCapState(row.state)) if row else None
    counted = 0 if installation.set_aside_at else installation.nodes
    step = observe(before, nodes=counted, cap=cap, now=at, windows=windows())
    if step.episode is None or (row is None and not step.started):
        return _Seen(cap, step, None)
    row = row or NodeCapEpisode(installation=installation, started_at=at)
    row.state, row.ended_at, row.due_at = step.episode.state.value, step.episode.ended_at, step.changes_at
    if not step.ended:
        row.cap, row.nodes_max = cap, max(row.nodes_max or 0, installation.nodes)
    return _Seen(cap, step, row)


def _events(installation: Installation, seen: _Seen, actor: str, at: datetime) -> list[NewEvent]:
    step = seen.step
    said: list[tuple[Kind, dict[str, Any]]] = []
    if step.started:
        said.append((Kind.NODE_CAP_EXCEEDED, {}))
    said += [
        (Kind.NODE_CAP_ESCALATED, {"state": state.value})
        for state in step.steps_up
        if state is not NodeCapState.QUIET
    ]
    if step.ended:
        said.append((Kind.NODE_CAP_CLEARED, {}))
    return [
        NewEvent(
            kind=kind,
            subject=f"license:{installation.license.public_id}",
            account=installation.license.account.customer_id,
            actor=actor,
            at=at,
            data={"installation": installation.pk, "nodes": installation.nodes, "cap": seen.cap, **data},
        )
        for kind, data in said
    ]


def node_cap_sweep(*, at: datetime, limit: int = 10_000) -> int:
    """Raise every spell whose time has come; return how many were looked at.

    Safe to run twice, late or in parallel: each spell is decided under the lock of its installation, and
    one that skipped a state gets the event of each state it passed (A16).
    """
    seen = 0
    while seen < limit:
        due = NodeCapEpisode.objects.filter(ended_at=None, due_at__lte=at).order_by("due_at")
        ids = list(due.values_list("installation_id", flat=True)[: min(BATCH, limit - seen)])
        if not ids:
            break
        seen += len(ids)
        _sweep_batch(ids, at)
    return seen


def _sweep_batch(ids: list[int], at: datetime) -> None:
    actor = "system:node-cap-sweep"
    with transaction.atomic():
        rows = list(
            locked(Installation.objects.select_related("license__account").filter(pk__in=ids)).order_by("pk")
        )
        spells = {
            spell.installation_id: spell
            for spell in NodeCapEpisode.objects.filter(installation__in=ids, ended_at=None)
        }
        found = [(row, _seen(row, spells.get(row.pk), at)) for row in rows]
        kept = [seen.row for _, seen in found if seen.row is not None]
        update_rows([row for row in kept if row.pk], KEPT)
        NodeCapEpisode.objects.bulk_create([row for row in kept if row.pk is None])
        record_many(event for row, seen in found for event in _events(row, seen, actor, at))
