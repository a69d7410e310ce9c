"""Long lists are judged by a worker, and come to the same as short ones."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.kit import clock as clocks
from config.kit.tables import BadTable, table_lines
from licenses.models import Job, JobRow, License
from licenses.services import job_checks
from licenses.services.generating import COLUMNS, Order
from licenses.services.importing import COLUMNS as LEGACY
from licenses.services.job_checks import generation_check, import_check, job_check, job_recheck
from licenses.services.jobs import STALE, job_cancel, job_run, job_start, jobs_sweep
from tests.licenses.services.test_jobs import office as office  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.django_db
BY = {"actor": "user:1"}
LIST = "account\nacme\nnobody\nglobex\nacme\n"
FILE = (
    "product,plan,legacy_key,account,starts,ends\n"
    "demo,enterprise,A-1,acme,2024-01-01,2027-01-01\n"
    "demo,enterprise,A-2,nobody,2024-01-01,2027-01-01\n"
    "demo,enterprise,A-3,globex,2024-01-01,2027-01-01\n"
)


@pytest.fixture
def start(office, enterprise, superadmin, at):
    """Return a starter of checks of both kinds."""

    def generate(text=LIST):
        return generation_check(
            lines=table_lines(text, COLUMNS), order=Order(plan=enterprise), creator=superadmin, **BY, at=at
        )

    def bring_in(text=FILE):
        return import_check(
            lines=table_lines(text, LEGACY), create_accounts=False, kinds=["commercial"], creator=superadmin,
            **BY, at=at,
        )  # fmt: skip

    return {"generate": generate, "import": bring_in}


@pytest.fixture
def long(monkeypatch):
    """A list of three rows is long."""
    monkeypatch.setattr(job_checks, "AT_ONCE", 2)


def judged(job):
    rows = job.rows.order_by("number")
    return [(row.number, row.state, [e["code"] for e in row.errors], row.data) for row in rows]


def work(job):
    job_check(job_id=job.pk, clock=clocks.now)
    job.refresh_from_db()
    return job


@pytest.mark.parametrize("kind", ["generate", "import"])
def test_a_long_list_comes_to_the_same_as_a_short_one(start, kind, monkeypatch):
    """D1, D6: whoever judges."""
    at_once = start[kind]()
    monkeypatch.setattr(job_checks, "AT_ONCE", 2)
    later = start[kind]()
    assert (at_once.state, later.state) == ("checked", "checking")
    assert {row.state for row in later.rows.all()} == {"waiting"}
    work(later)
    assert (later.state, later.total, later.refused) == (at_once.state, at_once.total, at_once.refused)
    assert judged(later) == judged(at_once)
    assert later.order == at_once.order
    assert not License.objects.exists()


def test_nothing_starts_while_it_is_checked(start, long, at):
    """D1: nobody says go to what nobody has seen."""
    job = start["import"]()
    with pytest.raises(job_checks.JobStateWrong):
        job_start(job=job, **BY, at=at)
    job_run(job_id=job.pk, clock=clocks.now)
    assert not License.objects.exists()


def test_the_bar_follows_and_a_stop_is_heard(start, long, monkeypatch, at):
    """A check that is stopped keeps nothing of what it judged."""
    monkeypatch.setattr(job_checks, "PAGE", 1)
    job, heard = start["generate"](), []
    say = job_checks._say_how_far

    def stop_at_two(job, judged, at):
        heard.append(judged)
        if judged == 2:
            job_cancel(job=job, **BY, at=at)
        return say(job, judged, at)

    monkeypatch.setattr(job_checks, "_say_how_far", stop_at_two)
    assert work(job).state == "cancelled"
    assert heard == [1, 2]
    assert {row.state for row in job.rows.all()} == {"waiting"}


def test_a_check_that_died_is_begun_again_by_the_sweep(start, long, at, django_capture_on_commit_callbacks):
    """The message or the worker may be lost, the list is not."""
    job = start["import"]()
    assert jobs_sweep(at=at + STALE) == 0
    with django_capture_on_commit_callbacks(execute=True):
        assert jobs_sweep(at=at + STALE + timedelta(seconds=1)) == 1
    job.refresh_from_db()
    assert (job.state, job.refused) == ("checked", 1)


def test_two_workers_check_one_list_once(start, long):
    """The second finds it done."""
    job = start["generate"]()
    work(job)
    rows = list(JobRow.objects.filter(job=job).values_list("pk", flat=True))
    work(job)
    assert list(JobRow.objects.filter(job=job).values_list("pk", flat=True)) == rows


def test_a_long_list_is_checked_again_by_a_worker(
    start, long, make_account, at, django_capture_on_commit_callbacks
):
    """After something was put right."""
    job = work(start["import"]())
    make_account(slug="nobody")
    with django_capture_on_commit_callbacks(execute=True):
        assert job_recheck(job=job, at=at).state == "checking"
    job.refresh_from_db()
    assert (job.state, job.refused) == ("checked", 0)


def test_a_row_that_cannot_be_read_stays_so(start, long):
    """What is wrong with a row as such is not to be seen in its cells, and is kept."""
    job = start["import"](FILE + "demo,enterprise,A-9,acme,2024-01-01,2027-01-01,too,many,cells\n")
    work(job)
    assert job.rows.order_by("number").last().state == "refused"


def test_an_order_that_no_longer_holds_fails_in_words(start, long, enterprise):
    """Its plan was closed meanwhile: a state and a sentence, no fault."""
    job = start["generate"]()
    type(enterprise).objects.filter(pk=enterprise.pk).update(archived=True)
    work(job)
    assert job.state in {"failed", "checked"}
    assert job.error or job.refused == job.total


def test_an_empty_list_is_refused(start, long):
    with pytest.raises(BadTable):
        start["generate"]("account\n")


def test_the_sweep_knows_only_what_is_being_checked(start, at):
    """A list that is checked and waits for somebody is left alone."""
    start["generate"]()
    assert jobs_sweep(at=at + timedelta(hours=1)) == 0
    assert Job.objects.get().state == "checked"
