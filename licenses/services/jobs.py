"""Work over many rows that staff start and watch: checked first, then run by a worker, resumable at any row.

A job's rows are the truth: they are done a batch at a time, in a transaction that also makes their licenses, so
that a killed worker leaves no row half done and the next one goes on where it stopped. An import is one row in this
sense: it is done as a whole, together with the state of its job.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Count, Q

from config.kit.enqueue import enqueue
from config.kit.errors import Conflict, Refusal
from config.kit.locks import locked
from history.services import record
from licenses.domain.enums import Kind
from licenses.models import Job, JobRow
from licenses.services.generating import Generator, Order
from licenses.services.importing import licenses_import
from licenses.services.job_checks import CHECK_TASK, PAGE, Clock, JobStateWrong, job_held, job_lines
from licenses.services.legacy_desk import Planned

log = structlog.get_logger(__name__)

TASK = "licenses.job_run"
STALE = timedelta(minutes=2)
FORGET = timedelta(days=7)
BATCH = 100
BATCHES_A_TASK = 10
State, RowState = Job.State, JobRow.State
OPEN = (State.WAITING, State.RUNNING)


class NothingToDo(Conflict):
    code = "nothing_to_do"
    title = "No row is left to be done."


class JobBroke(Refusal):
    code = "job_broke"
    title = "The job stopped by a fault of ours, which the log tells of. What is done stays."


def job_start(*, job: Job, actor: str, at: datetime) -> Job:
    """Let a checked job run. Raises JobStateWrong, NothingToDo."""
    with transaction.atomic():
        row = job_held(job, State.CHECKED)
        waiting = row.rows.filter(state=RowState.WAITING).count()
        if not waiting:
            raise NothingToDo
        if row.kind == Job.Kind.IMPORT and row.refused:
            wrong = "1 row has an error" if row.refused == 1 else f"{row.refused:,} rows have errors"
            raise JobStateWrong(f"Nothing is imported while {wrong}.")
        _open(row, at)
        _record("job.started", row, {"waiting": waiting}, actor, at)
    return row


def job_continue(*, job: Job, actor: str, at: datetime) -> Job:
    """Go on with a job that was cancelled or failed, from the row where it stopped. As `job_start`."""
    with transaction.atomic():
        row = job_held(job, State.CANCELLED, State.FAILED)
        waiting = row.rows.filter(state=RowState.WAITING).count()
        if not waiting or row.started_at is None:
            raise NothingToDo
        _open(row, at)
        _record("job.started", row, {"waiting": waiting, "again": True}, actor, at)
    return row


def job_retry(*, job: Job, actor: str, at: datetime) -> Job:
    """Try the refused rows of a bulk generation once more. Raises JobStateWrong, NothingToDo."""
    with transaction.atomic():
        row = job_held(job, State.DONE, State.CANCELLED, State.FAILED)
        refused = row.rows.filter(state=RowState.REFUSED)
        again = refused.update(state=RowState.WAITING) if row.kind == Job.Kind.GENERATE else 0
        if not again:
            raise NothingToDo("No row was refused.")
        _count(row)
        _open(row, at)
        _record("job.started", row, {"waiting": again, "again": True}, actor, at)
    return row


def job_cancel(*, job: Job, actor: str, at: datetime) -> Job:
    """Stop a job: what is done stays, the rest can be continued. Raises JobStateWrong."""
    if job.kind == Job.Kind.IMPORT and job.state == State.RUNNING:
        raise JobStateWrong("An import is done as a whole and cannot be stopped half-way.")
    with transaction.atomic():
        row = job_held(job, State.CHECKING, State.CHECKED, *OPEN)
        _end(row, State.CANCELLED, actor=actor, at=at)
    return row


def job_run(*, job_id: int, clock: Clock) -> None:
    """Work on a job for a while, then make room for other tasks. For the task of the same name.

    `clock` tells the time at each batch; a batch has one instant. Two workers on one job do no row twice.
    """
    if not _claim(job_id, clock()):
        return
    job = Job.objects.select_related("creator").get(pk=job_id)
    try:
        if job.kind == Job.Kind.IMPORT:
            _import(job, clock())
            return
        generator = Generator(Order.from_json(job.order))
        for _ in range(BATCHES_A_TASK):
            if not _step(job, generator, clock()):
                return
    except (OperationalError, InterfaceError):
        raise  # the sweep takes it up when the database is back
    except Refusal as refusal:
        _fail(job, refusal, clock())
        return
    except Exception:
        log.exception("job_broke", job=job.pk)
        _fail(job, JobBroke(), clock())
        return
    if _beat(job, clock(), state=State.WAITING):
        enqueue(TASK, job_id)


def jobs_sweep(*, at: datetime) -> int:
    """Take up what a lost message or a dead worker left, and forget dry runs of a week ago; return how many jobs.

    Missed runs do no harm: whatever is still open is found by the next one.
    """
    stale = [job.pk for job in Job.objects.filter(state__in=OPEN, beat_at__lt=at - STALE).order_by("pk")]
    for job_id in stale:
        enqueue(TASK, job_id)
    unchecked = Job.objects.filter(state=State.CHECKING, beat_at__lt=at - STALE)
    checks = list(unchecked.order_by("pk").values_list("pk", flat=True))
    for job_id in checks:
        enqueue(CHECK_TASK, job_id)
    _forget(at)
    return len(stale) + len(checks)


def _forget(at: datetime) -> None:
    never_started = Q(state=State.CHECKED) | Q(state=State.CANCELLED, started_at=None)
    for job in Job.objects.filter(never_started, created_at__lt=at - FORGET).order_by("pk")[:10]:
        with transaction.atomic():
            JobRow.objects.filter(job=job).delete()
            job.delete()


def _claim(job_id: int, at: datetime) -> bool:
    """Whether this worker may work on the job: it waits, or its worker was not heard of for a while."""
    free = Q(state=State.WAITING) | Q(state=State.RUNNING, beat_at__lt=at - STALE)
    return bool(Job.objects.filter(free, pk=job_id).update(state=State.RUNNING, beat_at=at, error=""))


def _beat(job: Job, at: datetime, **changes: Any) -> bool:
    """Say that the job is being worked on; False when somebody has stopped it."""
    return bool(Job.objects.filter(pk=job.pk, state=State.RUNNING).update(beat_at=at, **changes))


def _import(job: Job, at: datetime) -> None:
    """The whole import with the end of its job: a worker that is killed leaves nothing of it."""
    there: list[int] = []

    def hear(planned: Planned) -> None:
        if planned.state == RowState.SKIPPED:
            there.append(planned.line.number)

    with transaction.atomic():
        held = locked(Job.objects.filter(pk=job.pk, state=State.RUNNING)).first()
        if held is None:
            return
        licenses_import(
            lines=job_lines(job), create_accounts=job.order["create_accounts"],
            kinds={Kind(kind) for kind in job.order["kinds"]}, on_row=hear, actor=job.created_by,
            creator=job.creator, at=at,
        )  # fmt: skip
        for start in range(0, len(there), PAGE):
            JobRow.objects.filter(job=job, number__in=there[start : start + PAGE]).update(
                state=RowState.SKIPPED
            )
        JobRow.objects.filter(job=job, state=RowState.WAITING).update(state=RowState.DONE)
        _end(held, State.DONE, actor=job.created_by, at=at)


def _step(job: Job, generator: Generator, at: datetime) -> bool:
    """Do a batch of rows; whether there is more to do."""
    waiting = JobRow.objects.filter(job=job, state=RowState.WAITING).order_by("number")
    batch = list(waiting.values_list("pk", flat=True)[:BATCH])
    if batch:
        generator.rows_generate(job=job, row_ids=batch, actor=job.created_by, at=at)
    _count(job)
    if batch:
        return _beat(job, at)
    with transaction.atomic():
        held = locked(Job.objects.filter(pk=job.pk, state=State.RUNNING)).first()
        if held is not None:
            _end(held, State.DONE, actor=job.created_by, at=at)
    return False


def _fail(job: Job, refusal: Refusal, at: datetime) -> None:
    log.warning("job_failed", job=job.pk, code=refusal.code)
    with transaction.atomic():
        held = locked(Job.objects.filter(pk=job.pk, state=State.RUNNING)).first()
        if held is not None:
            held.error = refusal.detail[:500]
            _end(held, State.FAILED, actor=job.created_by, at=at)


def _open(row: Job, at: datetime) -> None:
    row.state, row.beat_at, row.ended_at, row.error = State.WAITING, at, None, ""
    row.started_at = row.started_at or at
    row.save(update_fields=["state", "beat_at", "ended_at", "error", "started_at"])
    enqueue(TASK, row.pk)


def _end(row: Job, state: Job.State, *, actor: str, at: datetime) -> None:
    """Close a locked job and record how it ended. A dry run that is thrown away changed nothing."""
    row.state, row.ended_at = state, at
    row.save(update_fields=["state", "ended_at", "error"])
    counts = _count(row)
    if row.started_at is not None:
        _record("job.ended", row, {"state": str(state), **counts}, actor, at)


def _count(job: Job) -> dict[str, int]:
    """Bring the counts of a job up to its rows; the rows by state."""
    counted = dict(job.rows.order_by().values_list("state").annotate(Count("pk")))
    counts = {state.value: counted.get(state, 0) for state in RowState}
    Job.objects.filter(pk=job.pk).update(done=counts["done"], refused=counts["refused"])
    return counts


def _record(kind: str, job: Job, data: dict[str, Any], actor: str, at: datetime) -> None:
    facts = {"kind": str(job.kind), "total": job.total, **data}
    record(kind=kind, subject=f"job:{job.pk}", actor=actor, data=facts, at=at)
