"""One turn of a connection: what it told, what changed here, and batch after batch until nothing is due."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from crm.models import Connection, SyncRun
from crm.services.sync_budget import Pace
from crm.services.sync_inbound import inbound_apply
from crm.services.sync_queueing import changes_collect, run_queue_page
from crm.services.sync_sending import Step, batch_send_next

BATCHES = 200
"""Of one turn: then others get theirs."""


def never() -> bool:
    return False


def connection_sync(
    *, connection_id: int, pace: Pace, stopped: Callable[[], bool] = never, batches: int = BATCHES
) -> bool:
    """Do what is due at a connection; True when there may be more at once. Nothing at all while it is off or paused.

    Asks the CRM, so no transaction may be open. Raises SealingKeyMissing.
    """
    row = Connection.objects.filter(pk=connection_id).first()
    if row is None or not row.is_running or row.detected_at is None:
        return False
    inbound_apply(connection_id=connection_id, at=pace.clock())
    changes_collect(connection_id=connection_id, at=pace.clock())
    for _ in range(batches):
        if stopped():
            return False
        _go_on_comparing(connection_id, pace)
        step = batch_send_next(connection_id=connection_id, pace=pace)
        if step is Step.HELD:
            return False
        if step is Step.IDLE:
            return _go_on_comparing(connection_id, pace)
    return True


def _go_on_comparing(connection_id: int, pace: Pace) -> bool:
    """Queue the next page of a comparison that is under way."""
    run = SyncRun.objects.filter(connection_id=connection_id, ended_at=None).first()
    return run is not None and run_queue_page(run_id=run.pk, at=pace.clock())


def connections_due() -> Iterator[int]:
    """The connections that may send."""
    yield from Connection.objects.filter(enabled=True, paused_reason="").values_list("pk", flat=True)
