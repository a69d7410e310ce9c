"""What was typed over there and comes here: taken, or on the list of conflicts; never lost."""

from __future__ import annotations

import pytest

from crm.models import SyncConflict
from crm.services.sync_deciding import NotTaken, conflict_settle
from crm.services.sync_queueing import changes_collect
from crm.services.sync_sending import batch_send_next
from crm.services.tasks import task_move
from tests.crm.outside.conftest import ACTOR, change, meanwhile, person, task

pytestmark = pytest.mark.enable_socket


def open_conflicts():
    rows = SyncConflict.objects.filter(resolution="").order_by("field")
    return [(row.field, row.ours, row.theirs) for row in rows]


def test_what_our_rules_refuse_is_listed_and_the_rest_is_taken(twenty):
    """D18: a conflict list rather than silent loss."""
    ada = person(phone="1", job_title="Engineer")
    twenty.sync()
    there, longer = twenty.fake.tables["people"][twenty.link(ada).external_id], "+49 30 " + "1" * 40
    there.update(phones={"primaryPhoneNumber": longer}, jobTitle="CTO")
    for state in ("active", "stuck"):
        change(ada, twenty.clock.at, engagement=state)
        twenty.sync()
        assert open_conflicts() == [("phone", "1", longer)]
        assert twenty.sync() == []
    ada.refresh_from_db()
    assert (ada.phone, ada.job_title) == ("1", "CTO")
    (conflict,) = SyncConflict.objects.all()
    with pytest.raises(NotTaken):
        conflict_settle(conflict=conflict, choice="theirs", actor=ACTOR, at=twenty.clock.at)
    conflict_settle(conflict=conflict, choice="ours", actor=ACTOR, at=twenty.clock.at)
    twenty.sync()
    assert twenty.fake.person(ada.email)["phones"]["primaryPhoneNumber"] == "1"
    assert open_conflicts() == []


def test_what_staff_typed_while_theirs_was_looked_at_is_not_written_over(twenty):
    """D18"""
    ada = person(phone="1")
    twenty.sync()
    twenty.fake.tables["people"][twenty.link(ada).external_id]["phones"] = {"primaryPhoneNumber": "2"}
    change(ada, twenty.clock.at, engagement="active")
    changes_collect(connection_id=twenty.row.pk, at=twenty.clock.at)
    pace = meanwhile(twenty, lambda: change(ada, twenty.clock.at, phone="3"), on="PATCH")
    batch_send_next(connection_id=twenty.row.pk, pace=pace)
    twenty.sync()
    ada.refresh_from_db()
    assert ada.phone == "3"
    assert open_conflicts() == [("phone", "3", "2")]


def test_a_task_that_is_done_over_there_is_done_here_and_its_words_are_in_dispute(either):
    """D18: nobody opens it again over there, and what somebody typed is not written over unasked."""
    ada = person()
    todo = task(ada)
    either.sync()
    hub = either.row.kind == "hubspot"
    (there,) = either.fake.living("tasks")
    there, contact = (there["properties"], either.fake.contact(ada.email)["properties"]) if hub else (
        there, either.fake.person(ada.email))  # fmt: skip
    status, title = ("hs_task_status", "hs_task_subject") if hub else ("status", "title")
    there.update({status: "COMPLETED" if hub else "DONE", title: "Ring them"})
    contact.update({"email": "ada@new.example"} if hub else {"emails": {"primaryEmail": "ada@new.example"}})
    change(todo, either.clock.at, text="They called.")
    change(ada, either.clock.at, engagement="active")
    either.sync()
    todo.refresh_from_db()
    assert (todo.status, todo.ended_by) == ("done", "system:crm-sync")
    assert there[status] in {"COMPLETED", "DONE"}
    assert open_conflicts() == [
        ("email", "ada1@acme.example", "ada@new.example"),
        ("title", "Call them", "Ring them"),
    ]
    assert either.sync() == []
    for conflict in SyncConflict.objects.all():
        conflict_settle(conflict=conflict, choice="theirs", actor=ACTOR, at=either.clock.at)
    either.sync()
    for row in (todo, ada):
        row.refresh_from_db()
    assert (todo.title, ada.email, there[title]) == ("Ring them", "ada@new.example", "Ring them")
    assert open_conflicts() == []
    task_move(task=todo, to="open", actor=ACTOR, at=either.clock.at)  # and ours goes there as ever
    either.sync()
    assert there[status] in {"NOT_STARTED", "TODO"}
    assert either.sync() == []
