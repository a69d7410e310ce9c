"""What changes around a record without touching it is found all the same: accounts, merges, mappings."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.services.accounts import account_update
from accounts.services.merging import account_merge
from crm.services.people import person_merge
from crm.services.sync_connections import connection_detect, connection_switch, connection_update
from history.services import reader_run, sequence
from tests.crm.outside.conftest import ACTOR, change, company, person, task

pytestmark = pytest.mark.enable_socket


def follow(outside):
    outside.clock.advance(timedelta(hours=1))
    sequence(at=outside.clock.at)
    reader_run("crm-sync", at=outside.clock.at)


@pytest.fixture
def by(twenty):
    """Who does it, an hour later than what was there before."""
    follow(twenty)
    return {"actor": ACTOR, "at": twenty.clock.at}


def test_a_field_a_name_and_a_domain_that_are_new_are_sent(twenty, by):
    """A20: also when nobody touches the person, and what happened while it was off."""
    acme = company()
    ada = person(account=acme)
    twenty.sync()
    twenty.fake.fields["people"].append({**twenty.fake.fields["people"][3], "name": "signetAccount"})
    connection_detect(connection=twenty.row, actor=ACTOR, pace=twenty.pace)
    twenty.sync(later=timedelta(hours=1))
    assert twenty.fake.person(ada.email)["signetAccount"] == "Acme"
    connection_switch(connection=twenty.row, enabled=False, **by)
    account_update(account=acme, changes={"name": "Acme Two", "domain": "acme.test"}, **by)
    follow(twenty)
    connection_switch(connection=twenty.row, enabled=True, **by)
    twenty.sync(later=timedelta(hours=1))
    (firm,) = twenty.fake.living("companies")
    assert firm["domainName"]["primaryLinkUrl"].endswith("acme.test")
    assert twenty.fake.person(ada.email)["signetAccount"] == "Acme Two"
    assert twenty.sync() == []


def test_companies_come_when_they_are_switched_on_and_when_somebody_gets_one(twenty, by):
    """D18: whoever is there already is tied to theirs."""
    connection_update(connection=twenty.row, changes={"sends": ["person"]}, **by)
    ada, bob = person(1, account=company()), person(2)
    twenty.sync()
    connection_update(connection=twenty.row, changes={"sends": ["person", "company"]}, **by)
    twenty.sync(later=timedelta(hours=1))
    (firm,) = twenty.fake.living("companies")
    assert twenty.fake.person(ada.email)["companyId"] == firm["id"]
    change(bob, twenty.clock.at, account=company(slug="umbra", name="Umbra", domain="umbra.example"))
    twenty.sync()
    assert twenty.fake.person(bob.email)["companyId"] in {
        one["id"] for one in twenty.fake.living("companies")
    }


def test_what_moves_in_a_merge_is_sent_to_where_it_went(twenty, by):
    """D5, D18: tasks of a person, and people and tasks of an account."""
    acme, umbra = company(), company(slug="umbra", name="Umbra", domain="umbra.example")
    ada, bob = person(1, account=umbra), person(2, account=acme)
    todo = task(bob, account=None)
    twenty.sync()
    person_merge(person=bob, into=ada, **by)
    account_merge(account=umbra, into=acme, **by)
    for row in (ada, todo):
        row.refresh_from_db()
        assert row.changed_at == by["at"]
    follow(twenty)
    twenty.sync()
    assert twenty.link(todo).targets["person"] == twenty.link(ada).external_id
    assert twenty.link(ada).targets["company"] == twenty.link(acme).external_id
    assert twenty.fake.person(ada.email)["companyId"] == twenty.link(acme).external_id
