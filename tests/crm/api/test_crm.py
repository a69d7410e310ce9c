"""People and tasks over HTTP."""

from __future__ import annotations

import itertools

import pytest

from crm.models import Task

pytestmark = pytest.mark.django_db
PEOPLE, TASKS = "/api/v1/crm/people", "/api/v1/crm/tasks"


@pytest.fixture
def support(api, make_key):
    return api.as_(make_key("support"))


def test_while_the_section_is_hidden_all_of_it_is_not_there(
    sysadmin, api, client, granted, make_person, make_task
):
    """D17: for a superadmin and a stranger alike."""
    person, task = make_person(), make_task()
    for caller in (sysadmin, api):
        for path in (PEOPLE, f"{PEOPLE}/{person.uid}", TASKS, f"{TASKS}/{task.uid}"):
            assert caller.get(path).status_code == 404
        assert caller.post(TASKS, {"title": "x"}).status_code == 404
        assert caller.post(f"{TASKS}/{task.uid}/complete").status_code == 404
    paths = (PEOPLE, TASKS, f"{TASKS}/{task.uid}", f"{TASKS}/{task.uid}/complete")
    nothing = _said(client.get("/api/v1/crm/nothing"))
    for method, path in itertools.product(("delete", "put", "options", "get"), paths):
        answer = getattr(client, method)(path)
        assert (answer.status_code, _said(answer)) == (404, nothing)


def _said(answer):
    """An answer without the id of its request."""
    request = answer.headers["X-Request-ID"]
    headers = {name: value for name, value in answer.headers.items() if value != request}
    return headers, answer.content.replace(request.encode(), b"")


def test_people_are_listed_found_and_read(support, crm_on, make_person, customer):
    row = make_person("Grace.H@gmail.com", name="Grace", account=customer)
    make_person("alan@x.example")
    for query in ({"email": "graceh+x@googlemail.com"}, {"account": "acme"}, {"q": "grace"}):
        found = support.get(PEOPLE, **query).json()["results"]
        assert [each["person"] for each in found] == [str(row.uid)]
    one = support.get(f"{PEOPLE}/{row.uid}").json()
    assert (one["name"], one["account"], one["first_touch"]) == ("Grace", "acme", None)


def test_one_person_tells_every_touch(support, crm_on, make_person, at):
    """A23."""
    from crm.domain.touches import Touch
    from crm.services.people import person_touch

    row = make_person()
    person_touch(person=row, touches={"a": Touch("ad", "cpc", "spring", at)}, at=at)
    (touch,) = support.get(f"{PEOPLE}/{row.uid}").json()["touches"]
    assert (touch["source"], touch["medium"], touch["campaign"]) == ("ad", "cpc", "spring")


def test_a_task_is_about_an_account_a_person_and_a_thing(support, crm_on, make_person, customer):
    """D18."""
    row = make_person()
    body = {"title": "Call", "account": customer.slug, "person": str(row.uid), "subject_type": "license"}
    assert support.post(TASKS, body).status_code == 400
    answer = support.post(TASKS, {**body, "subject_id": "L-1"}).json()
    assert (answer["account"], answer["person"]) == (customer.slug, str(row.uid))
    assert (answer["subject_type"], answer["subject_id"]) == ("license", "L-1")


def test_a_person_is_changed_and_an_address_is_nobody_else_s(support, crm_on, make_person, superadmin):
    row = make_person(name="Grace")
    make_person("taken@x.example")
    body = {"company": "Navy", "owner": superadmin.email, "consent": "given"}
    answer = support.patch(f"{PEOPLE}/{row.uid}", body)
    assert (answer.status_code, answer.json()["owner"]) == (200, superadmin.email)
    taken = support.patch(f"{PEOPLE}/{row.uid}", {"email": "TAKEN@x.example"})
    assert (taken.status_code, taken.json()["code"]) == (409, "address_taken")
    for bad in ({"email": "x"}, {"owner": "nobody@x.example"}, {"account": "none"}, {"engagement": "active"}):
        assert support.patch(f"{PEOPLE}/{row.uid}", bad).status_code == 400


def test_a_task_is_written_changed_put_off_and_done(support, crm_on, make_person, customer, clock):
    person = make_person(account=customer)
    body = {"title": "Call", "person": str(person.uid), "due_on": "2026-03-09"}
    made = support.post(TASKS, body, key="once").json()
    assert support.post(TASKS, body, key="once").json() == made
    assert (Task.objects.count(), made["account"]) == (1, "acme")
    path = f"{TASKS}/{made['task']}"
    assert (
        support.patch(path, {"status": "in_progress", "next_action": "Write"}).json()["status"]
        == "in_progress"
    )
    assert support.post(f"{path}/snooze", {"until": "2026-03-20"}).json()["snoozed_until"] == "2026-03-20"
    assert support.post(f"{path}/snooze", {"until": "2026-01-01"}).status_code == 400
    assert [support.post(f"{path}/complete").json()["status"] for _ in range(2)] == ["done", "done"]
    assert support.post(f"{path}/snooze", {"until": "2026-03-20"}).json()["code"] == "task_ended"
    assert [row["task"] for row in support.get(TASKS, status="done", kind="follow_up").json()["results"]] == [
        made["task"]
    ]


def test_reading_and_writing_are_scopes_apart_and_nothing_for_customers(
    viewer, api, make_key, crm_on, make_task, customer
):
    """C30: and a key of an account sees nobody."""
    row = make_task()
    assert viewer.get(f"{TASKS}/{row.uid}").status_code == 200
    assert viewer.post(f"{TASKS}/{row.uid}/complete").json()["code"] == "missing_scope"
    bound = api.as_(make_key("support", account=customer))
    assert {bound.get(path).status_code for path in (PEOPLE, TASKS, f"{TASKS}/{row.uid}")} == {403}
    assert bound.post(TASKS, {"title": "x"}).status_code == 403
