"""People, companies and tasks on their way to an outside CRM, and that nothing is sent twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import AT
from tests.crm.outside.conftest import change, company, person, task

pytestmark = pytest.mark.enable_socket


def test_a_person_arrives_with_company_facts_and_task(either):
    """A20, D18: the person of a license stands over there with what its deployments say."""
    acme = company()
    ada = person(
        account=acme, engagement="stuck", version="1.4.2", nodes=3, cap_state="warning", last_seen_at=AT
    )
    task(ada)
    either.sync()
    assert [job.message for job in either.jobs] == []
    if either.row.kind == "twenty":
        there = either.fake.person("ada1@acme.example")
        (firm,) = either.fake.living("companies")
        (todo,) = either.fake.living("tasks")
        (target, other) = sorted(either.fake.living("taskTargets"), key=lambda one: "targetCompanyId" in one)
        assert there["name"] == {"firstName": "Ada", "lastName": "Lovelace1"}
        assert (there["signetNodeCount"], there["signetCapStatus"], there["companyId"]) == (
            3,
            "warning",
            firm["id"],
        )
        assert there["signetLastSeen"] == "2026-03-02T09:30:00.000Z"
        assert (todo["title"], todo["status"], target["targetPersonId"]) == ("Call them", "TODO", there["id"])
        assert (target["taskId"], other["targetCompanyId"]) == (todo["id"], firm["id"])
    else:
        there = either.fake.contact("ada1@acme.example")
        (firm,) = either.fake.living("companies")
        (todo,) = either.fake.living("tasks")
        assert there["properties"]["signet_node_count"] == "3"
        assert there["properties"]["signet_engagement"] == "stuck"
        assert todo["properties"]["hs_task_status"] == "NOT_STARTED"
        assert ("contacts", there["id"], "companies", firm["id"]) in either.fake.ties
        assert ("tasks", todo["id"], "contacts", there["id"]) in either.fake.ties
    assert either.link(ada).external_id == there["id"]


def test_a_repeat_without_change_asks_nothing_and_writes_nothing(either, django_assert_max_num_queries):
    """A20: a repeat sync without change writes nothing, here and there."""
    person(account=company())
    either.sync()
    links = list(either.row.links.values())
    with django_assert_max_num_queries(40) as seen:
        assert either.sync(later=timedelta(hours=1)) == []
    assert list(either.row.links.values()) == links
    changed = [q["sql"] for q in seen.captured_queries if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert all("crm_connection" in sql for sql in changed)  # how far was looked, and when


def test_only_the_changed_fact_is_sent(either):
    """A20"""
    people = [person(number) for number in range(3)]
    either.sync()
    change(people[1], either.clock.at, engagement="active")
    (written,) = either.writes(either.sync())
    sent = either.fake.asked[-1].document
    if either.row.kind == "twenty":
        assert written == f"PATCH /rest/people/{either.link(people[1]).external_id}"
        assert sent == {"signetEngagement": "active"}
    else:
        assert sent["inputs"][0]["properties"] == {"signet_engagement": "active"}


def test_a_touch_that_changes_nothing_of_what_is_sent_sends_nothing(either):
    """A20: dirty is what has another hash, not what was saved again."""
    ada = person()
    either.sync()
    change(ada, either.clock.at, facts_at=either.clock.at)
    assert either.sync() == []


def test_who_is_there_already_is_met_by_address_and_not_doubled(either):
    """D18: upsert by e-mail; a name that was typed over there stays."""
    if either.row.kind == "twenty":
        old = either.fake.add(
            "people", emails={"primaryEmail": "ada1@acme.example"}, name={"firstName": "A."}
        )
    else:
        old = either.fake.add("contacts", email="ada1@acme.example", firstname="A.")
    ada = person(engagement="active")
    either.sync()
    assert either.link(ada).external_id == old["id"]
    there = either.fake.living("people" if either.row.kind == "twenty" else "contacts")
    assert len(there) == 1
    assert "A." in str(there[0])
    assert "active" in str(there[0])


def test_a_company_beyond_the_first_page_of_a_search_is_found_and_not_doubled(hubspot):
    """D18: HubSpot lets many companies have one domain; a search shows a hundred."""
    for _ in range(101):
        hubspot.fake.add("companies", domain="busy.example", name="Busy")
    old = hubspot.fake.add("companies", domain="quiet.example", name="Quiet")
    quiet = company(slug="quiet", domain="quiet.example")
    person(1, account=company(slug="busy", domain="busy.example"))
    person(2, account=quiet)
    hubspot.sync()
    assert hubspot.link(quiet).external_id == old["id"]
    assert (len(hubspot.fake.living("companies")), hubspot.jobs) == (102, [])


def test_who_was_deleted_over_there_is_never_made_again(either):
    """D18: an upsert does not bring a person back, whether we knew the record or not."""
    known, stranger = person(1), person(2)
    table = "people" if either.row.kind == "twenty" else "contacts"
    if either.row.kind == "twenty":
        gone = either.fake.add(table, emails={"primaryEmail": "ada2@acme.example"})
        either.fake.delete(table, gone["id"])
    else:
        either.fake.add(table, email="ada2@acme.example")["archived"] = True
    either.sync()
    if either.row.kind == "twenty":
        either.fake.delete(table, either.link(known).external_id)
    else:
        either.fake.records[table][either.link(known).external_id]["archived"] = True
    for row in (known, stranger):
        change(row, either.clock.at, engagement="dormant")
    either.sync()
    assert either.fake.living(table) == []
    assert either.link(known).tombstone_at is not None
    assert either.link(stranger).tombstone_at is not None
    change(known, either.clock.at, engagement="stuck")
    assert either.sync() == []


def test_many_go_in_batches(either):
    """D18: 60 and 100 records a request, and not one by one."""
    for number in range(130):
        person(number)
    lines = either.writes(either.sync())
    assert {job.message for job in either.jobs} == set()
    assert len(lines) == (3 if either.row.kind == "twenty" else 2)
    assert len(either.fake.living("people" if either.row.kind == "twenty" else "contacts")) == 130


def test_a_company_that_comes_later_ties_the_people_who_are_there(either):
    """D18"""
    acme = company(domain="")
    ada = person(account=acme)
    either.sync()
    acme.domain = "acme.example"
    acme.save()
    change(ada, either.clock.at, engagement="active")
    either.sync()
    (firm,) = either.fake.living("companies")
    assert either.link(ada).targets == {"company": firm["id"]}
    assert either.sync() == []


def test_a_task_that_is_given_to_another_person_hangs_on_them_there(either):
    """D18: the tie to the person before is changed, and does not keep the one to a company from being made."""
    ada, grace = person(1), person(2, account=company())
    todo = task(ada)
    either.sync()
    change(todo, either.clock.at, person=grace, account=grace.account)
    either.sync()
    mine, whom = either.link(todo).external_id, either.link(grace).external_id
    (firm,) = either.fake.living("companies")
    if either.row.kind == "twenty":
        ties = either.fake.living("taskTargets")
        assert {one["taskId"] for one in ties} == {mine}
        assert sorted(one.get("targetPersonId") or one["targetCompanyId"] for one in ties) == sorted(
            [whom, firm["id"]]
        )
    else:
        assert ("tasks", mine, "contacts", whom) in either.fake.ties
        assert ("tasks", mine, "companies", firm["id"]) in either.fake.ties
    assert (either.jobs, either.sync()) == ([], [])
