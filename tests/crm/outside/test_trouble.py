"""An outside CRM on its bad days: nothing is lost, nothing is doubled."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from crm.connectors.base import Access
from crm.models import SyncJob
from crm.services import sync_access
from crm.services.sync_connections import connection_credentials
from crm.services.sync_deciding import jobs_retry
from crm.services.sync_running import connection_sync
from tests.crm.fakes.server import HTML
from tests.crm.outside.conftest import ACTOR, change, company, person, task

pytestmark = pytest.mark.enable_socket

DAY = timedelta(days=1)


def living(outside, ours="people"):
    names = {"people": "contacts", "companies": "companies", "tasks": "tasks"}
    return outside.fake.living(ours if outside.row.kind == "twenty" else names[ours])


def test_a_limit_over_there_is_waited_for_as_long_as_it_says(either):
    """D18: Retry-After."""
    person()
    either.fake.fail(429, b'{"category":"RATE_LIMITS"}', Retry_After="900")
    assert len(either.sync()) == 1
    assert either.row.held_until - either.clock.at > timedelta(minutes=14)
    assert either.sync(later=timedelta(minutes=10)) == []
    either.sync(later=timedelta(minutes=6))
    assert len(living(either)) == 1
    assert either.jobs == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (502, HTML),
        (200, HTML),
        (200, b""),
        (404, HTML),
        (403, HTML),
        (None, b""),
        (200, b"[]"),
        (200, b'{"data":{"people":{}},"results":{}}'),
    ],
    ids=["502 HTML", "200 HTML", "200 empty", "404 HTML", "403 HTML", "cut", "a list", "another shape"],
)
def test_a_bad_hour_costs_delay_and_no_record(either, status, body):
    """D18: HTML, nothing, half an answer: no record is refused, buried or used up for it."""
    ada = person(account=company())
    task(ada)
    either.sync()
    change(ada, either.clock.at, engagement="active")
    either.fake.fail(status, body, times=3)
    for _ in range(5):
        either.sync(later=timedelta(minutes=31))
        if either.row.paused_reason:
            connection_credentials(
                connection=either.row, token="token-of-the-crm", actor=ACTOR, pace=either.pace
            )
    assert either.jobs == []
    assert "active" in str(living(either))
    assert [len(living(either, name)) for name in ("people", "companies", "tasks")] == [1, 1, 1]


def test_answers_that_come_too_late_cost_delay_and_no_record(either, monkeypatch):
    """D18: each request is done over there and its answer is not waited for: nothing is lost, nothing doubled."""
    monkeypatch.setattr(sync_access, "Access", partial(Access, seconds=0.3))
    task(person(account=company()))
    either.fake.fail(200, seconds=1, on="/companies", times=2)
    either.fake.fail(200, seconds=1, on="/people" if either.row.kind == "twenty" else "/contacts", times=2)
    first = either.sync()
    assert len(first) == 1
    assert "No complete answer" in either.row.held_reason
    for _ in range(6):
        either.sync(later=timedelta(minutes=31))
    assert either.jobs == []
    assert [len(living(either, name)) for name in ("people", "companies", "tasks")] == [1, 1, 1]


def test_a_long_outage_uses_no_record_up(twenty):
    """D18: a week of it, with more tries than a record has: nobody has to press anything afterwards."""
    for number in range(5):
        person(number)
    twenty.fake.fail(503, HTML, times=10_000)
    for _ in range(13):
        twenty.sync(later=timedelta(hours=13))
    assert len(twenty.fake.asked) == 13  # left alone in between
    twenty.fake.faults.clear()
    twenty.sync(later=timedelta(hours=1))
    assert len(living(twenty)) == 5


def test_what_arrived_before_a_crash_is_not_made_twice(either):
    """D18: the answer is lost after the work was done, for companies, people and tasks alike."""
    task(person(account=company()))
    for part in ("companies/batch", "batch/companies", "contacts/batch/upsert", "batch/people", "tasks/batch",
                 "batch/tasks"):  # fmt: skip
        either.fake.fail(None, on=f"POST /{part}", after=True)
    for fault in either.fake.faults:
        fault.on = fault.on.removeprefix("POST /")
    for _ in range(6):
        either.sync(later=timedelta(hours=3))
    assert [len(living(either, name)) for name in ("people", "companies", "tasks")] == [1, 1, 1]
    assert either.jobs == []


def test_a_claim_that_a_dead_worker_left_is_taken_up(either):
    """D18"""
    person()
    either.sync()
    person(2)
    either.clock.advance(timedelta(minutes=5))
    from crm.services.sync_queueing import changes_collect
    from crm.services.sync_sending import batch_claim

    changes_collect(connection_id=either.row.pk, at=either.clock.at)
    assert batch_claim(connection_id=either.row.pk, at=either.clock.at) is not None  # and then it dies
    assert either.sync(later=timedelta(minutes=1)) == []
    either.sync(later=timedelta(minutes=15))
    assert len(living(either)) == 2


def test_one_bad_record_holds_no_other_up_and_waits_for_a_change(either):
    """D18: a partial error; the bad one is on the list of failed jobs and goes out once it is put right."""
    people = [person(number) for number in range(8)]
    change(people[3], people[3].changed_at, name="refused")
    either.sync()
    (job,) = either.jobs
    assert (job.object_id, job.state, job.failure) == (people[3].pk, SyncJob.State.FAILED, "rejected")
    assert len(living(either)) == 7
    assert either.sync() == []
    jobs_retry(jobs=[job], actor=ACTOR, at=either.clock.at)
    either.sync()
    assert [one.failure for one in either.jobs] == ["rejected"]
    change(people[3], either.clock.at, name="Grace Hopper")
    either.sync()
    assert either.jobs == []
    assert len(living(either)) == 8


@pytest.mark.parametrize("named", [True, False])
def test_a_tie_that_hubspot_refuses_fails_its_own_record_alone(hubspot, named):
    """D18: a partial error of the associations is no success, named or not, and buries nobody."""
    people = [person(number) for number in range(6)]
    hubspot.sync()
    bad = people[4]
    hubspot.fake.loners, hubspot.fake.names_loners = {hubspot.link(bad).external_id}, named
    acme = company()
    for one in people:
        change(one, hubspot.clock.at, account=acme, engagement="active")
    hubspot.sync()
    assert len(hubspot.fake.ties) == 5
    (job,) = hubspot.jobs
    assert (job.object_id, job.state, job.failure) == (bad.pk, SyncJob.State.FAILED, "rejected")
    assert hubspot.link(bad).tombstone_at is None
    hubspot.fake.loners = set()
    jobs_retry(jobs=[job], actor=ACTOR, at=hubspot.clock.at)
    hubspot.sync()
    assert (len(hubspot.fake.ties), hubspot.jobs) == (6, [])


def test_who_cannot_be_read_at_the_moment_is_neither_buried_nor_made_again(hubspot):
    """D18: beside an error that is not "not found", what an answer lacks may be there all the same."""
    people = [person(number) for number in range(3)]
    hubspot.sync()
    newcomer = hubspot.fake.add("contacts", email="ada9@acme.example", firstname="A.")
    people.append(person(9))
    hubspot.fake.unreadable = {hubspot.link(people[1]).external_id, newcomer["id"]}
    for one in people:
        change(one, hubspot.clock.at, engagement="active")
    hubspot.sync()
    assert {job.failure for job in hubspot.jobs} == {"transient"}
    assert not hubspot.row.links.exclude(tombstone_at=None).exists()
    assert len(living(hubspot)) == 4
    hubspot.fake.unreadable = set()
    for _ in range(3):
        hubspot.sync(later=timedelta(hours=3))
    assert hubspot.jobs == []
    told = [one["properties"]["signet_engagement"] for one in living(hubspot)]
    assert told == ["active"] * 4


def test_a_record_that_breaks_the_other_side_does_not_stop_the_rest(either):
    """D18: a 500 for every batch that holds it: it ends alone, its attempts are its own."""
    for number in range(8):
        person(number, name="poison" if number == 5 else f"Ada {number}")
    either.fake.fail(500, HTML, times=10_000, on="POST", bearing="poison")
    for _ in range(16):
        either.sync(later=timedelta(hours=13))
    assert len(living(either)) == 7
    (job,) = either.jobs
    assert (job.state, job.failure) == (SyncJob.State.FAILED, "transient")


def test_a_credential_that_is_not_taken_stops_the_connection_and_loses_nothing(either):
    """D18"""
    person()
    either.fake.fail(401, b'{"category":"INVALID_AUTHENTICATION","message":"expired"}', times=1)
    either.sync()
    assert "401: expired" in either.row.paused_reason
    assert either.sync(later=DAY) == []
    connection_credentials(connection=either.row, token="token-of-the-crm", actor=ACTOR, pace=either.pace)
    either.sync()
    assert len(living(either)) == 1


def test_all_workers_together_stay_within_the_budget(twenty):
    """D18: one budget, in the database: in no minute are there more requests than allowed."""
    twenty.row.budget_requests, twenty.row.budget_seconds = 20, 60
    twenty.row.save()
    twenty.fake.clock = lambda: twenty.clock.at.timestamp()  # noqa: PLW0108 - of each moment
    for number in range(30):
        person(number)
    twenty.sync()
    for row in twenty.row.links.all():
        change(row_of(row), twenty.clock.at, engagement="active")
    twenty.clock.advance(timedelta(minutes=5))
    again = True
    while again:
        workers = [
            connection_sync(connection_id=twenty.row.pk, pace=twenty.pace, batches=1) for _ in range(2)
        ]
        again = any(workers)
    times = twenty.fake.times
    assert len(times) > 30
    assert max(sum(start <= one < start + 60 for one in times) for start in times) <= 20


def row_of(link):
    from crm.models import Person

    return Person.objects.get(pk=link.object_id)


def test_a_second_account_with_the_same_domain_writes_nothing_into_the_company_of_the_first(either):
    """D18: it is on the list of failed jobs, whether both come at once or one after the other."""
    first = company()
    person(1, account=first)
    either.sync()
    (before,) = [str(one) for one in living(either, "companies")]
    for number in (2, 3):
        person(number, account=company(slug=f"acme-{number}", name=f"Acme {number}"))
    for number in (4, 5):
        person(
            number, account=company(slug=f"umbra-{number}", name=f"Umbra {number}", domain="umbra.example")
        )
    either.sync()
    there = [str(one) for one in living(either, "companies")]
    assert before in there
    assert len(there) == 2
    assert "Umbra 4" in "".join(there)
    assert [(job.state, job.failure) for job in either.jobs] == [(SyncJob.State.FAILED, "rejected")] * 3
    assert either.sync() == []
