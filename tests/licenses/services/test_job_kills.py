"""A worker that is killed in the middle of a row, on PostgreSQL: nothing is lost and nothing is made twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection, transaction

from config.kit import clock as clocks
from config.kit.tables import table_lines
from history.models import Event
from licenses.models import Issuance, Job, JobRow, License
from licenses.services.generating import COLUMNS, Order
from licenses.services.importing import COLUMNS as LEGACY
from licenses.services.job_checks import generation_check, import_check
from licenses.services.jobs import BATCH, STALE, jobs_sweep

pytestmark = [pytest.mark.postgres, pytest.mark.stress, pytest.mark.django_db(transaction=True)]

PROJECT = Path(__file__).parents[3]
WORKER = """
import sys
import django
django.setup()
from config.kit import clock
from licenses.services.jobs import job_run
job_run(job_id=int(sys.argv[1]), clock=clock.now)
"""
ROWS, HELD = BATCH + 20, BATCH


@pytest.fixture
def worker():
    """Return a starter of workers, each a process of its own on the test's database."""
    started = []

    def start(job):
        parts = urlsplit(os.environ["SIGNET_DATABASE_URL"])
        url = urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(job.pk)],
            cwd=PROJECT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings_test", "SIGNET_DATABASE_URL": url},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait_for(condition, process, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the worker ended before it was to be killed"
        assert time.monotonic() < deadline
        time.sleep(0.05)


def run_again(django_capture_on_commit_callbacks):
    """The sweep finds what the dead worker left, some minutes later."""
    with clocks.frozen(clocks.now() + 2 * STALE), django_capture_on_commit_callbacks(execute=True):
        assert jobs_sweep(at=clocks.now()) == 1


def open_now(job):
    """As `job_start` leaves it, without the task that the suite would run at once."""
    at = clocks.now()
    Job.objects.filter(pk=job.pk).update(state="waiting", started_at=at, beat_at=at)


def test_each_row_is_done_once_although_its_worker_was_killed(
    enterprise, signing, make_account, superadmin, worker, at, django_capture_on_commit_callbacks
):
    """D6: the worker dies in its second batch, waiting for a row; the next one does that batch anew."""
    names = [make_account(f"Customer {number}").slug for number in range(ROWS)]
    lines = table_lines("\n".join(["account", *names]), COLUMNS)
    job = generation_check(
        lines=lines, order=Order(plan=enterprise), actor="user:1", creator=superadmin, at=at
    )
    open_now(job)
    with transaction.atomic():
        JobRow.objects.select_for_update().get(job=job, number=HELD + 12)
        process = worker(job)
        wait_for(lambda: job.rows.filter(state="done").count() == HELD, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert License.objects.count() == HELD
    run_again(django_capture_on_commit_callbacks)
    job.refresh_from_db()
    assert (job.state, job.done, job.refused) == ("done", ROWS, 0)
    assert (License.objects.count(), Issuance.objects.count()) == (ROWS, ROWS)
    assert License.objects.values("account").distinct().count() == ROWS
    assert set(job.rows.values_list("license", flat=True)) == set(
        License.objects.values_list("pk", flat=True)
    )
    assert Event.objects.filter(kind="job.ended", subject=f"job:{job.pk}").count() == 1


def test_an_import_whose_worker_was_killed_leaves_nothing_and_is_done_then(
    enterprise, customer, superadmin, worker, at, django_capture_on_commit_callbacks
):
    """D1: nothing half imported."""
    head = "product,legacy_key,account,plan,starts,ends"
    rows = (f"demo,OLD-{number},acme,enterprise,2020-01-01,2027-12-31" for number in range(ROWS))
    lines = table_lines("\n".join([head, *rows]), LEGACY)
    job = import_check(
        lines=lines, create_accounts=False, kinds={"commercial"}, actor="user:1", creator=superadmin, at=at
    )
    open_now(job)
    with transaction.atomic():
        JobRow.objects.select_for_update().get(job=job, number=HELD)
        process = worker(job)
        wait_for(_waits_for_a_lock, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not License.objects.exists()
    run_again(django_capture_on_commit_callbacks)
    job.refresh_from_db()
    assert (job.state, job.done) == ("done", ROWS)
    assert License.objects.filter(origin="legacy").count() == ROWS


def _waits_for_a_lock() -> bool:
    """Whether another session of this database stands before a lock: the worker, at its last write."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # a transaction sees it once otherwise
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0] > 0
