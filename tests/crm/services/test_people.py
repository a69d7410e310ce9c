"""People as staff write, change and join them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.kit.errors import Invalid
from crm.domain.touches import Touch
from crm.errors import AddressTaken, LastAddress, PersonMerged
from crm.models import Person, PersonNote, Task
from crm.services.enriching import people_refresh
from crm.services.notes import person_note_add, person_note_delete, person_note_edit
from crm.services.people import person_create, person_link, person_merge, person_touch, person_update
from history.models import Event
from licenses.services.own_notes import NoteOfAnother

pytestmark = pytest.mark.django_db
BY = {"actor": "user:1"}
HOUR = timedelta(hours=1)


def test_one_address_in_any_spelling_is_one_person(make_person, at):
    """A21: the canonical address is unique; history names nobody."""
    make_person("Ada.L@gmail.com", name="Ada")
    with pytest.raises(AddressTaken):
        make_person("adal+news@googlemail.com")
    assert Person.objects.count() == 1
    event = Event.objects.get(kind="person.created")
    assert "ada" not in str(event.data).lower()


def test_somebody_without_name_and_address_is_refused(at):
    with pytest.raises(Invalid):
        person_create(**BY, at=at)
    with pytest.raises(Invalid):
        person_create(email="not an address", **BY, at=at)


def test_a_change_is_one_event_and_the_same_again_is_none(make_person, customer, at):
    row = make_person(name="Grace")
    for _ in range(2):
        row = person_update(person=row, changes={"consent": "given", "account": customer}, **BY, at=at + HOUR)
    assert (row.consent_at, row.changed_at) == (at + HOUR, at + HOUR)
    event = Event.objects.get(kind="person.changed")
    assert event.data == {"fields": ["account", "consent", "consent_at"]}
    assert event.account == customer.customer_id


def test_a_new_address_is_kept_beside_the_former(make_person, at):
    row = make_person(name="Grace")
    row = person_update(person=row, changes={"email": "hopper@navy.example"}, **BY, at=at)
    assert row.email == "hopper@navy.example"
    assert row.emails.count() == 2
    person_update(person=row, changes={"email": ""}, **BY, at=at)
    assert row.emails.count() == 0
    nameless = make_person("x@y.example")
    with pytest.raises(LastAddress):
        person_update(person=nameless, changes={"email": ""}, **BY, at=at)


def test_a_merge_brings_the_facts_of_what_it_brings(make_person, make_license, beat, at):
    """A20: at once; the hourly run looks at newer beats only."""
    loser, winner = make_person("a@one.example"), make_person("b@two.example")
    row = make_license()
    person_link(person=loser, licenses=[row], at=at)
    beat(row, at, nodes=3)
    people_refresh(people=[loser.pk], at=at)
    merged = person_merge(person=loser, into=winner, **BY, at=at + HOUR)
    assert (merged.last_seen_at, merged.nodes, merged.version) == (at, 3, "2.4.1")


def test_a_merge_joins_everything_two_people_own(
    make_person, make_task, make_license, superadmin, customer, at
):
    """D18, A23: the earlier first and the later last touch; a withdrawn consent stays; twice changes nothing."""
    loser = make_person("a@one.example", phone="1", consent="withdrawn", account=customer)
    winner = make_person("b@two.example", name="Grace", consent="given")
    row = make_license()
    for person in (loser, winner):
        person_link(person=person, licenses=[row], at=at)
    person_touch(person=loser, touches={"l1": Touch("early", "", "", at - HOUR)}, at=at)
    person_touch(person=winner, touches={"w1": Touch("late", "", "", at)}, at=at)
    make_task(person=loser)
    person_note_add(person=loser, text="Met at the fair", author=superadmin, **BY, at=at)
    for _ in range(2):
        merged = person_merge(person=loser, into=winner, **BY, at=at + HOUR)
    assert (merged.name, merged.phone, merged.consent, merged.account) == (
        "Grace",
        "1",
        "withdrawn",
        customer,
    )
    assert (merged.first_source, merged.last_source) == ("early", "late")
    owned = [merged.emails, merged.licenses, merged.tasks, merged.notes, merged.touchpoints]
    assert [rows.count() for rows in owned] == [2, 1, 1, 1, 2]
    loser.refresh_from_db()
    assert loser.merged_into == merged
    assert Event.objects.filter(kind="person.merged").count() == 2
    with pytest.raises(PersonMerged):
        person_update(person=loser, changes={"name": "x"}, **BY, at=at)
    with pytest.raises(Invalid):
        person_merge(person=merged, into=merged, **BY, at=at)


def test_only_its_author_changes_and_deletes_a_note(make_person, superadmin, license_manager, at):
    note = person_note_add(person=make_person(), text="One", author=superadmin, **BY, at=at)
    with pytest.raises(NoteOfAnother):
        person_note_edit(note=note, text="Two", author=license_manager, **BY, at=at)
    with pytest.raises(Invalid):
        person_note_edit(note=note, text=" ", author=superadmin, **BY, at=at)
    person_note_edit(note=note, text="Two", author=superadmin, **BY, at=at + HOUR)
    person_note_delete(note=note, author=superadmin, **BY, at=at)
    assert not PersonNote.objects.exists()
    told = Event.objects.filter(kind="person.noted").order_by("pk").values_list("data__change", flat=True)
    assert list(told) == ["added", "edited", "deleted"]


def test_people_and_tasks_follow_the_merge_of_their_accounts_and_hinder_no_deletion(
    make_person, make_task, make_account, at
):
    """D5, D16: they move with the account; one that is deleted is named no more."""
    from accounts.services.accounts import account_delete
    from accounts.services.merging import account_merge

    one, two, three = (make_account(name) for name in ("One", "Two", "Three"))
    row, task = make_person(account=one), make_task(account=three)
    account_merge(account=one, into=two, **BY, at=at)
    row.refresh_from_db()
    assert row.account == two
    account_delete(account=three, **BY, at=at)
    assert Task.objects.get(pk=task.pk).account is None
