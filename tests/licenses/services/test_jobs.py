"""Work over many rows: checked, run, stopped, continued, tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from config.kit import clock as clocks
from config.kit.tables import BadTable, table_lines
from history.models import Event
from licenses.domain.enums import Format, Kind
from licenses.models import Issuance, Job, JobRow, License, SigningKey
from licenses.services import jobs
from licenses.services.generating import COLUMNS, Generator, Order
from licenses.services.importing import COLUMNS as LEGACY
from licenses.services.job_checks import JobStateWrong, generation_check, import_check, job_recheck
from licenses.services.jobs import (
    NothingToDo,
    job_cancel,
    job_continue,
    job_retry,
    job_run,
    job_start,
    jobs_sweep,
)

pytestmark = pytest.mark.django_db

BY = {"actor": "user:1"}


@pytest.fixture
def office(customer, prospect, enterprise, trial, signing, clock):
    """Two accounts, two plans, keys that sign; the clock stands."""


@pytest.fixture
def check(office, enterprise, superadmin, at):
    """Return a dry run of a list: `check("account", kinds=…)`."""

    def make(text="account\nacme\nglobex\n", **order):
        given = Order(**{"plan": enterprise, **order})
        return generation_check(
            lines=table_lines(text, COLUMNS), order=given, creator=superadmin, **BY, at=at
        )

    return make


@pytest.fixture
def run(at):
    """Return a worker that does what is queued; enqueueing alone does nothing in these tests."""

    def work(job):
        job_run(job_id=job.pk, clock=clocks.now)
        job.refresh_from_db()
        return job

    return work


def states(job):
    return list(job.rows.order_by("number").values_list("number", "state"))


def errors(job):
    return [
        (row.number, row.errors[0]["field"], row.errors[0]["code"])
        for row in job.rows.filter(state="refused")
    ]


def test_a_dry_run_judges_every_row_and_makes_nothing(check):
    """D6"""
    job = check("account\nacme\nnobody\nGlobex\n")
    assert (job.state, job.total, job.refused) == ("checked", 3, 1)
    assert states(job) == [(2, "waiting"), (3, "refused"), (4, "waiting")]
    assert errors(job) == [(3, "account", "unknown_account")]
    assert not License.objects.exists()


def test_a_run_makes_one_license_a_row(check, run, superadmin, at):
    """D6, D7"""
    job = check(terms={"seats": 7, "comment": "spring"}, internal=True)
    job_start(job=job, **BY, at=at)
    assert run(job).state == "done"
    assert (job.done, job.refused, job.ended_at) == (2, 0, at)
    rows = list(License.objects.order_by("pk"))
    assert [(row.account.slug, row.seats, row.internal, row.comment) for row in rows] == [
        ("acme", 7, True, "spring"),
        ("globex", 7, True, "spring"),
    ]
    assert {(row.origin, row.created_by, row.creator) for row in rows} == {("staff", "user:1", superadmin)}
    assert [row.license for row in job.rows.all()] == rows
    assert set(Issuance.objects.values_list("channel", flat=True)) == {"bulk"}


def test_what_a_row_says_comes_before_the_order(check, run, at):
    """D6: limits, plan, kind and the end."""
    text = (
        "account,plan,kind,seats,days,ends,entitlements,internal\n"
        "acme,trial,,3,10,,,no\n"
        "globex,,test,,,perpetual,sso projects=5,\n"
    )
    job = check(text, terms={"days": 90, "nodes": 9}, internal=True)
    job_start(job=job, **BY, at=at)
    run(job)
    first, second = License.objects.order_by("pk")
    assert (first.plan.slug, first.kind, first.seats, first.nodes, first.internal) == (
        "trial",
        "trial",
        3,
        9,
        False,
    )
    assert first.expires_at - first.starts_at == timedelta(days=10)
    assert (second.kind, second.expires_at, second.internal) == ("test", None, True)
    assert second.entitlements == {"sso": True, "projects": 5}


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ("acme,gold,,,", "plan", "unknown_plan"),
        ("acme,,trial,,", "kind", "kind_of_plan"),
        ("acme,,,-1,", "seats", "not_integer"),
        ("acme,,,99999999999,", "seats", "out_of_range"),
        ("acme,trial,,,perpetual", "ends", "perpetual_trial"),
        ("acme,,,,2020-01-01", "ends", "not_after_start"),
    ],
)
def test_what_is_wrong_is_said_at_its_column(check, row, field, code):
    """D6"""
    assert errors(check(f"account,plan,kind,seats,ends\n{row}\n")) == [(2, field, code)]


def test_the_same_row_twice_is_a_slip(check):
    """D6: a license more by mistake is worse than a question; rows that differ are two wishes."""
    job = check("account,comment\nacme,\nacme,\nacme,second server\n")
    assert states(job) == [(2, "waiting"), (3, "refused"), (4, "waiting")]


def test_only_kinds_that_may_be_created_are_taken(check):
    """D15"""
    job = check("account,kind\nacme,test\nglobex,\n", kinds=frozenset({Kind.TEST}))
    assert errors(job) == [(3, "kind", "forbidden")]


def test_without_a_key_that_signs_no_row_is_fit(check):
    SigningKey.objects.update(state="retired", slot=None)
    assert {code for _, _, code in errors(check())} == {"no_signing_key"}


def test_a_list_without_rows_is_refused(check):
    with pytest.raises(BadTable, match="not one row"):
        check("account\n")
    assert not Job.objects.exists()


def test_started_and_ended_are_one_event_each(check, run, at):
    job = check()
    job_start(job=job, **BY, at=at)
    run(job)
    started, ended = Event.objects.filter(subject=f"job:{job.pk}").order_by("pk")
    assert (started.kind, started.data) == ("job.started", {"kind": "generate", "total": 2, "waiting": 2})
    assert (ended.kind, ended.data["state"], ended.data["done"]) == ("job.ended", "done", 2)


def test_a_job_is_started_once(check, at):
    job = check()
    job_start(job=job, **BY, at=at)
    with pytest.raises(JobStateWrong):
        job_start(job=job, **BY, at=at)


def test_a_job_without_a_fit_row_is_not_started(check, at):
    with pytest.raises(NothingToDo):
        job_start(job=check("account\nnobody\n"), **BY, at=at)


def test_a_refusal_leaves_the_other_rows_alone(check, run, enterprise, customer, at):
    """D6: what changed between check and run is said in the row."""
    job = check("account,plan\nacme,\nglobex,trial\n")
    enterprise.archived = True
    enterprise.save()
    job_start(job=job, **BY, at=at)
    assert (run(job).state, job.done, job.refused) == ("done", 1, 1)
    assert errors(job) == [(2, "", "plan_archived")]


def test_a_fault_of_ours_leaves_the_other_rows_alone(check, run, at):
    """D6: it is kept in its row and can be tried again."""
    job = check()
    row = job.rows.get(number=2)
    row.data = {}
    row.save()
    job_start(job=job, **BY, at=at)
    assert (run(job).state, job.done, errors(job)) == ("done", 1, [(2, "", "failed")])


def test_refused_rows_can_be_tried_again(check, run, make_account, at):
    """D6: after the account was opened, say; what is done stays done, and a slip stays a slip."""
    job = check("account\nacme\ninitech\nacme\n")
    job_start(job=job, **BY, at=at)
    run(job)
    make_account("Initech")
    job_retry(job=job, **BY, at=at)
    assert (run(job).state, job.done, job.refused) == ("done", 2, 1)
    assert errors(job) == [(4, "account", "twice")]
    assert License.objects.count() == 2


def test_a_job_without_refused_rows_has_nothing_to_try_again(check, run, at):
    job = check()
    job_start(job=job, **BY, at=at)
    run(job)
    with pytest.raises(NothingToDo):
        job_retry(job=job, **BY, at=at)


def test_a_cancelled_job_keeps_what_is_done_and_can_be_continued(check, run, at, monkeypatch):
    """D6"""
    monkeypatch.setattr(jobs, "BATCH", 1)
    monkeypatch.setattr(jobs, "BATCHES_A_TASK", 1)
    job = check("account\nacme\nglobex\n")
    job_start(job=job, **BY, at=at)
    assert (run(job).state, job.done) == ("waiting", 1)
    job_cancel(job=job, **BY, at=at)
    assert run(job).state == "cancelled"
    assert License.objects.count() == 1
    job_continue(job=job, **BY, at=at)
    run(job)
    assert (run(job).done, License.objects.count()) == (2, 2)


def test_a_job_makes_room_for_other_work(check, run, at, monkeypatch):
    """D6: it works for a while, then waits for its turn."""
    monkeypatch.setattr(jobs, "BATCH", 1)
    monkeypatch.setattr(jobs, "BATCHES_A_TASK", 2)
    job = check("account\nacme\nglobex\n")
    job_start(job=job, **BY, at=at)
    assert (run(job).state, job.done) == ("waiting", 2)
    assert run(job).state == "done"


def test_a_dry_run_that_is_thrown_away_is_no_event(check, at):
    job = check()
    job_cancel(job=job, **BY, at=at)
    assert not Event.objects.filter(subject=f"job:{job.pk}").exists()
    with pytest.raises(NothingToDo):
        job_continue(job=job, **BY, at=at)


def test_when_no_key_signs_the_job_stops_and_can_be_continued(check, run, at):
    """D6: what concerns every row is the job's failure, not the rows'."""
    job = check()
    keys = dict(SigningKey.objects.values_list("pk", "slot"))
    SigningKey.objects.update(state="retired", slot=None)
    job_start(job=job, **BY, at=at)
    assert (run(job).state, job.refused) == ("failed", 0)
    assert "No active" in job.error
    for pk, slot in keys.items():
        SigningKey.objects.filter(pk=pk).update(state="active", slot=slot)
    job_continue(job=job, **BY, at=at)
    assert (run(job).state, job.done, job.error) == ("done", 2, "")


def test_a_running_job_is_left_to_its_worker(check, run, clock, at):
    """D6: until it was not heard of for a while; then the next one goes on."""
    job = check()
    job_start(job=job, **BY, at=at)
    Job.objects.filter(pk=job.pk).update(state="running", beat_at=at)
    assert run(job).done == 0
    clock.advance(jobs.STALE + timedelta(seconds=1))
    assert (run(job).state, job.done) == ("done", 2)


def test_the_sweep_takes_up_what_was_left(check, clock, at, django_capture_on_commit_callbacks):
    """D6: a lost message and a dead worker alike."""
    lost, dead, fresh = (check() for _ in range(3))
    for job, state in ((lost, "waiting"), (dead, "running"), (fresh, "waiting")):
        Job.objects.filter(pk=job.pk).update(state=state, beat_at=at, started_at=at)
    clock.advance(jobs.STALE + timedelta(seconds=1))
    Job.objects.filter(pk=fresh.pk).update(beat_at=clock.at)
    with django_capture_on_commit_callbacks(execute=True):
        assert jobs_sweep(at=clock.at) == 2
    assert dict(Job.objects.values_list("pk", "state")) == {
        lost.pk: "done",
        dead.pk: "done",
        fresh.pk: "waiting",
    }


def test_dry_runs_are_forgotten_after_a_week(check, at):
    """Lists hold addresses of people; who never said go does not need them."""
    old, started = check(), check()
    job_start(job=started, **BY, at=at)
    job_cancel(job=started, **BY, at=at)
    jobs_sweep(at=at + jobs.FORGET + timedelta(seconds=1))
    assert list(Job.objects.all()) == [started]
    assert not JobRow.objects.filter(job_id=old.pk).exists()


def test_a_dry_run_can_be_repeated(check, make_account, at):
    """D6: after something was put right elsewhere."""
    job = check("account\ninitech\n")
    make_account("Initech")
    assert (job_recheck(job=job, at=at).refused, states(job)) == (0, [(2, "waiting")])


def test_an_order_is_kept_as_it_was_given(enterprise, at):
    order = Order(plan=enterprise, kind=Kind.TEST, internal=True, terms={"starts_at": at, "perpetual": True},
                  format=Format.LIC1, persist=False, kinds=frozenset({Kind.TEST}))  # fmt: skip
    assert Order.from_json(order.to_json()) == order


def test_two_workers_on_one_row_make_one_license(check, at):
    """D6: the row's state is asked for under its lock."""
    job = check("account\nacme\n")
    row = job.rows.get()
    for _ in range(2):
        Generator(Order.from_json(job.order)).row_generate(job=job, row_id=row.pk, **BY, at=at)
    assert License.objects.count() == 1


@pytest.fixture
def outcome(check, run, make_account, at):
    """Return what a job of twelve rows came to, each as (number, state, error, events, plan, kind, quantity, key)."""
    text = "account,plan,kind,quantity,comment\nacme,trial,,3,\n" + "".join(
        f"acme,,,{number},row {number}\n" for number in range(1, 11)
    )

    def come_to():
        job = check(text + "initech,,,1,\n")
        job_start(job=job, **BY, at=at)
        assert run(job).state == "done"
        found = []
        for row in job.rows.select_related("license").order_by("number"):
            made, facts = row.license, ()
            if made is not None:
                key = made.issuances.get()
                events = Event.objects.filter(subject=f"license:{made.public_id}").order_by("pk")
                said = [
                    (e.kind, e.account, e.actor, e.data.get("channel"), e.data.get("quantity"))
                    for e in events
                ]
                claims = {name: value for name, value in key.claims.items() if name not in {"jti", "lic"}}
                facts = (made.plan_code, made.kind, made.quantity, made.created_by, made.creator_id, key.channel,
                         key.artifact is not None, claims, said)  # fmt: skip
            found.append((row.number, row.state, [error["code"] for error in row.errors], facts))
        return found

    return come_to


@pytest.mark.parametrize("closed", [False, True])
def test_rows_come_to_the_same_together_and_each_for_itself(
    outcome, make_account, customer, monkeypatch, at, closed
):
    """D6: whether all of a batch go well, or one of them is refused when it is done."""
    initech = make_account("Initech")
    if closed:
        start = jobs.job_start

        def merge_then_start(*, job, actor, at):
            Account.objects.filter(pk=initech.pk).update(merged_into=customer, merged_at=at)
            return start(job=job, actor=actor, at=at)

        monkeypatch.setitem(globals(), "job_start", merge_then_start)
    together = outcome()
    assert [state for _, state, _, _ in together] == ["done"] * 11 + ["refused" if closed else "done"]
    Account.objects.filter(pk=initech.pk).update(merged_into=None, merged_at=None)

    def alone(self, *, job, row_ids, actor, at):
        for row_id in row_ids:
            self.row_generate(job=job, row_id=row_id, actor=actor, at=at)

    monkeypatch.setattr(Generator, "rows_generate", alone)
    assert outcome() == together


def test_rows_that_go_well_take_few_statements(check, run, at):
    """D6: a batch is one transaction of a handful of statements, however many rows it has."""
    counted = []
    for number in (2, 40):
        job = check("account,comment\n" + "".join(f"acme,row {n}\n" for n in range(number)))
        job_start(job=job, **BY, at=at)
        with CaptureQueriesContext(connection) as queries:
            assert run(job).done == number
        counted.append(len(queries))
    assert counted[1] <= counted[0] + 5


# --- imports --------------------------------------------------------------------------------------

ROWS = "product,legacy_key,account,plan,starts,ends\ndemo,A,acme,enterprise,2020-01-01,2027-01-01\n"


@pytest.fixture
def check_import(office, superadmin, at):
    def make(text=ROWS, *, create_accounts=False):
        return import_check(lines=table_lines(text, LEGACY), create_accounts=create_accounts, kinds=set(Kind),
                            creator=superadmin, **BY, at=at)  # fmt: skip

    return make


def test_an_import_is_judged_then_done_as_a_whole(check_import, run, at):
    """D1"""
    job = check_import()
    assert job.order["summary"] == {"rows": 1, "new": 1, "known": 0, "refused": 0, "accounts": 0}
    job_start(job=job, **BY, at=at)
    assert (run(job).state, job.done, states(job)) == ("done", 1, [(2, "done")])
    assert License.objects.get().origin == "legacy"


def test_rows_that_are_there_already_are_skipped(check_import, run, at):
    """D1: also those that came in between check and run."""
    first, second = check_import(), check_import(ROWS + "demo,B,acme,enterprise,2020-01-01,2027-01-01\n")
    for job in (first, second):
        job_start(job=job, **BY, at=at)
        run(job)
    assert states(second) == [(2, "skipped"), (3, "done")]
    with pytest.raises(NothingToDo):
        job_start(job=check_import(), **BY, at=at)


def test_nothing_is_imported_while_a_row_is_wrong(check_import, at):
    """D1"""
    job = check_import(ROWS + "demo,B,nobody,enterprise,2020-01-01,2027-01-01\n")
    with pytest.raises(JobStateWrong, match="1 row has an error"):
        job_start(job=job, **BY, at=at)


def test_an_import_that_no_longer_fits_leaves_nothing(check_import, run, product, at):
    """D1: the job fails with the first reason, and can be judged again."""
    job = check_import(ROWS + "demo,B,globex,enterprise,2020-01-01,2027-01-01\n")
    job_start(job=job, **BY, at=at)
    product.entitlement_catalogue = [{"slug": "other"}]
    product.save()
    assert (run(job).state, job.done) == ("failed", 0)
    assert "Nothing was imported: 2 of 2 rows" in job.error
    assert not License.objects.exists()
    assert (job_recheck(job=job, at=at).state, job.rows.filter(state="refused").count()) == ("checked", 2)


def test_a_running_import_cannot_be_stopped(check_import, at):
    """D1: nothing half imported."""
    job = check_import()
    job_start(job=job, **BY, at=at)
    Job.objects.filter(pk=job.pk).update(state="running")
    job.refresh_from_db()
    with pytest.raises(JobStateWrong, match="as a whole"):
        job_cancel(job=job, **BY, at=at)


def test_a_worker_that_comes_late_imports_nothing_twice(check_import, run, clock, at):
    """D1"""
    job = check_import()
    job_start(job=job, **BY, at=at)
    run(job)
    clock.advance(jobs.STALE + timedelta(seconds=1))
    run(job)
    assert License.objects.count() == 1
