"""Two lanes of one connection at once, and people at work while a batch is on its way: nothing gets lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.services.accounts import account_update
from crm.models import SyncConflict
from crm.services.sync_deciding import conflict_settle
from crm.services.sync_queueing import changes_collect
from crm.services.sync_sending import batch_send_next
from history.services import reader_run, sequence
from tests.crm.outside.conftest import ACTOR, change, company, meanwhile, person

pytestmark = pytest.mark.enable_socket


def follow(outside):
    sequence(at=outside.clock.at)
    reader_run("crm-sync", at=outside.clock.at)


def lane(outside, deed, *, on):
    """One batch of a lane, with what happens meanwhile."""
    outside.clock.advance(timedelta(minutes=5))
    changes_collect(connection_id=outside.row.pk, at=outside.clock.at)
    batch_send_next(connection_id=outside.row.pk, pace=meanwhile(outside, deed, on=on))


def test_what_changes_while_its_record_is_on_its_way_is_sent_afterwards(twenty):
    """D18: a company that gets another domain, and people of it who were sent untied meanwhile."""
    acme = company()
    person(account=acme)
    follow(twenty)

    def deed():
        other = meanwhile(twenty, lambda: None, on="nothing")
        batch_send_next(connection_id=twenty.row.pk, pace=other)  # the other lane, with the person
        account_update(account=acme, changes={"domain": "acme.test"}, actor=ACTOR, at=twenty.clock.at)
        follow(twenty)

    lane(twenty, deed, on="batch/companies")
    twenty.sync()
    (firm,) = twenty.fake.living("companies")
    assert firm["domainName"]["primaryLinkUrl"].endswith("acme.test")
    assert twenty.fake.person("ada1@acme.example").get("companyId") == firm["id"]
    assert twenty.jobs == []
    assert twenty.sync() == []


def test_a_batch_that_takes_long_loses_no_edit(twenty):
    """D18: what changed meanwhile was looked at already when the batch comes to its end."""
    ada = person(engagement="active")

    def deed():
        change(ada, twenty.clock.at, engagement="stuck")
        twenty.clock.advance(timedelta(minutes=5))
        changes_collect(connection_id=twenty.row.pk, at=twenty.clock.at)

    lane(twenty, deed, on="batch/people")
    twenty.sync()
    assert twenty.fake.person(ada.email)["signetEngagement"] == "stuck"
    assert twenty.jobs == []


@pytest.mark.parametrize("choice", ["ours", "theirs"])
def test_a_conflict_that_is_settled_while_its_record_is_on_its_way_stays_settled(twenty, choice):
    """D18"""
    ada = person(job_title="Engineer")
    twenty.sync()
    change(ada, twenty.clock.at, job_title="Director", engagement="active")
    twenty.fake.tables["people"][twenty.link(ada).external_id]["jobTitle"] = "CTO"
    twenty.sync()
    (conflict,) = SyncConflict.objects.all()
    change(ada, twenty.clock.at, engagement="stuck")
    lane(twenty, lambda: conflict_settle(conflict=conflict, choice=choice, actor=ACTOR, at=twenty.clock.at),
         on="PATCH")  # fmt: skip
    assert not SyncConflict.objects.filter(resolution="").exists()
    twenty.sync()
    ada.refresh_from_db()
    there = twenty.fake.person(ada.email)
    right = "Director" if choice == "ours" else "CTO"
    assert (ada.job_title, there["jobTitle"], there["signetEngagement"]) == (right, right, "stuck")
    assert not SyncConflict.objects.filter(resolution="").exists()
    assert twenty.link(ada).insisted == []
    assert twenty.sync() == []
