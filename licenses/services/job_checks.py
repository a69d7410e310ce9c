"""The dry run of a job: what each row would come to, kept for somebody to say go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from django.db import transaction

from accounts.models import User
from config.kit.enqueue import enqueue
from config.kit.errors import Conflict, Refusal
from config.kit.locks import locked
from config.kit.statements import insert_many
from config.kit.tables import BadTable, Line
from licenses.domain.enums import Kind
from licenses.models import Job, JobRow
from licenses.services.generating import Generator, Order, errors_json, line_of
from licenses.services.importing import Imported, import_judged

PAGE = 1_000
AT_ONCE = 2_000
"""Rows that are judged while somebody waits for the page; more of them are a worker's."""
CHECK_TASK = "licenses.job_check"
Clock = Callable[[], datetime]
State, RowState = Job.State, JobRow.State


class JobStateWrong(Conflict):
    code = "job_state_wrong"
    title = "The job is not in a state that allows this."


def generation_check(
    *, lines: Iterable[Line], order: Order, file: str = "", actor: str, creator: User | None, at: datetime
) -> Job:
    """Judge a list of accounts by an order and keep it for somebody to say go. Nothing is made. Raises BadTable.

    More than `AT_ONCE` rows are judged by a worker: the job is `checking` until then.
    """
    facts = {**order.to_json(), "file": file[:200]}
    job = Job(kind=Job.Kind.GENERATE, order=facts, creator=creator, created_by=actor, created_at=at)
    return _check(job, list(lines), at)


def import_check(
    *,
    lines: Iterable[Line],
    create_accounts: bool,
    kinds: Iterable[Kind],
    file: str = "",
    actor: str,
    creator: User | None,
    at: datetime,
) -> Job:
    """Judge a file of the older tool and keep it for somebody to say go. Nothing is imported. Raises BadTable.

    More than `AT_ONCE` rows are judged by a worker, as in `generation_check`.
    """
    order = {"create_accounts": create_accounts, "kinds": sorted(kinds), "file": file[:200]}
    job = Job(kind=Job.Kind.IMPORT, order=order, creator=creator, created_by=actor, created_at=at)
    return _check(job, list(lines), at)


def job_recheck(*, job: Job, at: datetime) -> Job:
    """Judge the rows of a dry run, or of one that failed or an import that was refused, once more.

    Raises JobStateWrong.
    """
    with transaction.atomic():
        row = job_held(job, State.CHECKED, State.FAILED)
        if row.state == State.FAILED and row.kind == Job.Kind.GENERATE and row.started_at is not None:
            raise JobStateWrong("Some of it is done: continue it instead.")
        row.started_at = row.ended_at = None
        row.error = ""
        if row.total > AT_ONCE:
            _open_check(row, at)
            return row
        lines = list(job_lines(row))
        judged = list(_judged(row, lines, at))
        JobRow.objects.filter(job=row).delete()
        return _keep_checked(row, judged)


def job_check(*, job_id: int, clock: Clock) -> None:
    """Judge the rows of a long list, as a worker; its page's bar follows. For the task `licenses.job_check`.

    Nothing is kept of a check that is stopped or killed: the sweep has it begun again.
    """
    job = Job.objects.select_related("creator").filter(pk=job_id, state=State.CHECKING).first()
    if job is None:
        return
    judged: list[JobRow] = []
    try:
        for row in _judged(job, job_lines(job), clock()):
            judged.append(row)
            if len(judged) % PAGE == 0 and not _say_how_far(job, len(judged), clock()):
                return
    except Refusal as refusal:
        error, judged = refusal.detail, []
    else:
        error = ""
    with transaction.atomic():
        held = locked(Job.objects.filter(pk=job.pk, state=State.CHECKING)).first()
        if held is None:  # stopped, or another worker was quicker
            return
        if error:
            held.state, held.error, held.ended_at = State.FAILED, error[:500], clock()
            held.save(update_fields=["state", "error", "ended_at"])
            return
        JobRow.objects.filter(job=held).delete()
        held.order, held.done = job.order, 0
        _keep_checked(held, judged)


def _check(job: Job, lines: list[Line], at: datetime) -> Job:
    if not lines:
        raise BadTable("no_rows", "There is not one row to work on.")
    if len(lines) <= AT_ONCE:
        return _keep_checked(job, list(_judged(job, lines, at)))
    with transaction.atomic():
        job.total = len(lines)
        _open_check(job, at)
        insert_many(
            JobRow(job_id=job.pk, number=line.number, data={"cells": line.cells}, errors=_unreadable(line))
            for line in lines
        )
    return job


def _open_check(job: Job, at: datetime) -> None:
    """Have a worker judge the rows after the commit."""
    job.state, job.beat_at, job.done, job.refused = State.CHECKING, at, 0, 0
    job.save()
    enqueue(CHECK_TASK, job.pk)


def _unreadable(line: Line) -> list[dict[str, str]]:
    """What is wrong with a row as such: its cells do not show it any more."""
    return errors_json([line.problem]) if line.problem is not None else []


def _say_how_far(job: Job, judged: int, at: datetime) -> bool:
    """Move the bar; False when somebody has stopped the check."""
    return bool(Job.objects.filter(pk=job.pk, state=State.CHECKING).update(done=judged, beat_at=at))


def _judged(job: Job, lines: Iterable[Line], at: datetime) -> Iterator[JobRow]:
    """Each row as it would come to. Of an import the summary is put into the order, after the last row."""
    if job.kind == Job.Kind.GENERATE:
        yield from Generator(Order.from_json(job.order)).judged(lines, actor=job.created_by, at=at)
        return
    done = Imported()
    for planned in import_judged(
        lines=lines,
        done=done,
        create_accounts=job.order["create_accounts"],
        kinds={Kind(kind) for kind in job.order["kinds"]},
        actor=job.created_by,
        creator=job.creator,
        at=at,
    ):
        data = {"cells": planned.line.cells}
        yield JobRow(
            number=planned.line.number, data=data, state=planned.state, errors=errors_json(planned.errors)
        )
    job.order |= {"summary": done.summary}


def _keep_checked(job: Job, rows: list[JobRow]) -> Job:
    job.state, job.total = State.CHECKED, len(rows)
    job.refused = sum(row.state == RowState.REFUSED for row in rows)
    with transaction.atomic():
        job.save()
        for row in rows:
            row.job_id = job.pk
        insert_many(rows)
    return job


def job_lines(job: Job) -> Iterator[Line]:
    """The rows of a job as they came in, read in pages."""
    after = -1
    while page := list(JobRow.objects.filter(job=job, number__gt=after).order_by("number")[:PAGE]):
        after = page[-1].number
        yield from map(line_of, page)


def job_held(job: Job, *states: Job.State) -> Job:
    """Lock and re-read a job that is in one of these states. Raises JobStateWrong."""
    row = locked(Job.objects.filter(pk=job.pk)).get()
    if row.state not in states:
        raise JobStateWrong(f"The job is {row.get_state_display().lower()} now.")
    return row
