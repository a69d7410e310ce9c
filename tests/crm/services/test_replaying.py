"""History read again from its first event gives the same people and tasks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from accounts.services.accounts import account_update
from accounts.services.merging import account_merge
from crm.models import Connection, CrmLink, FormerAddress, Person, SyncConflict, Task
from crm.services.counting import traffic_count
from crm.services.forgetting import links_expire, person_erase
from crm.services.notes import person_note_add
from crm.services.people import person_create, person_merge, person_update
from crm.services.tasks import task_move
from history.models import Event
from licenses.services.node_caps import node_cap_sweep
from licenses.services.posture import posture_sweep
from trials.domain.touches import Touch
from trials.models import TrafficDay
from trials.services.evidence.daily import evidence_tend
from trials.services.running import trial_sweep

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
OURS = {"id", "uid", "changed_at", "facts_at", "person_id"}


def rows(model) -> list[dict[str, Any]]:
    """What stands in the rows but for their own keys, and when they were written."""
    return [{k: v for k, v in row.items() if k not in OURS} for row in model.objects.order_by("pk").values()]


def snapshot() -> Any:
    owned = [
        (row.email, sorted(row.emails.values_list("address", flat=True)), row.touchpoints.count(),
         sorted(row.licenses.values_list("license", flat=True)))
        for row in Person.objects.order_by("pk")
    ]  # fmt: skip
    about = list(Task.objects.order_by("pk").values_list("dedupe_key", "person__email"))
    return rows(Person), rows(Task), owned, about


def test_replaying_into_an_empty_crm_gives_the_same(
    program,
    ask,
    make_license,
    make_account,
    make_subscription,
    turn,
    fail_payment,
    settle,
    follow,
    beat,
    at,
    clock,
):
    """A16, A20, A23, A24: and replaying once more changes nothing, nor what staff did."""
    touch = Touch("ad", "cpc", "spring", at)
    trial = ask(program, "ada@initech.example", name="Ada", first_touch=touch).granted.trial
    ask(program, "bob@umbra.example", company="Umbra")
    row = make_license(account=make_account("Globex", email="ops@globex.example"), expires_at=at + 60 * DAY)
    TrafficDay.objects.create(day=at.date(), source="ad", visits=3)
    nameless = make_account("Hooli", kind="customer")
    paid = make_license(account=nameless, expires_at=at + 60 * DAY)
    cycle = make_subscription(license=paid, account=nameless)
    deeds = {
        5: lambda now: settle(now, licenses=(paid,), account=nameless, customer_email="Buyer@hooli.example"),
        10: lambda now: account_update(
            account=nameless, changes={"email": "it@hooli.example"}, actor="user:1", at=now
        ),
        16: lambda now: fail_payment(cycle, "in_77", now),
        35: lambda now: settle(now, session=False, reference="in_77", subscription=cycle, account=nameless),
        50: lambda now: turn(cycle, "cancelled", now),
    }
    for number in (0, 1, 5, 10, 16, 20, 35, 50, 61):
        now = at + number * DAY
        if number in deeds:
            deeds[number](now)
        if number in (1, 5):
            beat(trial.license, now, nodes=4)
        if number < 20:
            beat(row, now, nodes=9)
        for sweep in (node_cap_sweep, posture_sweep, trial_sweep, traffic_count, evidence_tend):
            sweep(at=now)
        follow(now)
    clock.set(at + 61 * DAY)
    before = snapshot()
    made = {
        "stuck", "dormant", "pilot_ready", "over_cap", "renewal_due", "expired", "traffic", "payment_failed",
        "evidence_overdue",
    }  # fmt: skip
    assert {task["kind"] for task in before[1]} == made
    Task.objects.all().delete()
    Person.objects.all().delete()
    call_command("crm", "replay")
    assert snapshot() == before
    by = {"actor": "user:1", "at": clock.at + DAY}
    task_move(task=Task.objects.filter(status="open").first(), to="in_progress", **by)
    settled = list(Task.objects.filter(status="dropped", ended_by="system:crm"))
    assert settled
    for task in settled:
        task_move(task=task, to="open", **by)
    for person in Person.objects.exclude(account=None):
        person_update(person=person, changes={"account": None, "company": ""}, **by)
    handled = snapshot()
    call_command("crm", "replay")
    assert snapshot() == handled


def test_accounts_that_were_merged_give_the_same_people_again(make_account, make_license, follow, at):
    """A20: each contact looks after what its account had then; the one that stays, after all of it."""
    one, two, silent = (
        make_account(name, kind="customer", email=email)
        for name, email in (("One", "it@one.example"), ("Two", "it@two.example"), ("Silent", ""))
    )
    for account in (one, two, silent):
        make_license(account=account)
    follow(at)
    account_merge(account=one, into=two, actor="user:1", at=at + DAY)
    account_merge(account=two, into=silent, actor="user:1", at=at + 2 * DAY)
    follow(at + 2 * DAY)
    before = snapshot()
    assert {email: len(licenses) for email, _, _, licenses in before[2]} == {
        "it@one.example": 1,
        "it@two.example": 3,
    }
    Person.objects.all().delete()
    call_command("crm", "replay")
    assert snapshot() == before


def a_connection() -> Connection:
    return Connection.objects.create(
        kind="hubspot", name="Hub", token_sealed=b"", budget_requests=1, budget_seconds=1, created_by="user:1"
    )


@pytest.fixture
def known(program, ask, follow, at):
    """Somebody whom a trial request made known, a day ago."""
    ask(program, "ada@initech.example", name="Ada")
    follow(at)
    return Person.objects.get(emails__address="ada@initech.example")


def test_an_address_that_was_taken_away_makes_nobody_when_history_is_read_again(
    known, program, ask, follow, at
):
    """A20: what happened before stays the person's; who writes from there later is somebody else."""
    person_update(person=known, changes={"email": ""}, actor="user:1", at=at + DAY)
    before = snapshot()
    call_command("crm", "replay")
    assert snapshot() == before
    ask(program, "ada@initech.example", name="Another", when=at + 2 * DAY)
    follow(at + 2 * DAY)
    call_command("crm", "replay")
    assert sorted(Person.objects.values_list("name", flat=True)) == ["Ada", "Another"]
    assert [row.address for row in known.emails.all()] == []


def test_an_erased_person_does_not_come_back_from_history(
    known, make_task, superadmin, program, ask, follow, at
):
    """A person is erased with whoever was merged into it; who returns by a new request is new."""
    absorbed = person_create(email="lovelace@home.example", name="A. L.", actor="user:1", at=at)
    person_merge(person=absorbed, into=known, actor="user:1", at=at)
    person_note_add(person=known, text="Likes tea", author=superadmin, actor="user:1", at=at)
    task = make_task(person=known)
    connection = a_connection()
    for kind in ("person", "company"):
        CrmLink.objects.create(
            connection=connection,
            kind=kind,
            object_id=known.pk,
            external_id="7",
            sent={"email": "ada@initech.example"},
        )
    person_erase(person=known, actor="user:1", at=at + DAY)
    task.refresh_from_db()
    assert task.person is None
    assert not Person.objects.exists()
    assert [link.kind for link in CrmLink.objects.all()] == ["company"]
    event = Event.objects.get(kind="person.erased")
    assert (event.data, event.account) == ({"merged": 1}, known.account.customer_id)
    assert not FormerAddress.objects.exclude(person=None).exists()
    call_command("crm", "replay")
    assert not Person.objects.exists()
    ask(program, "ada@initech.example", name="Ada again", when=at + 2 * DAY)
    follow(at + 2 * DAY)
    assert Person.objects.get().name == "Ada again"


def test_what_a_batch_under_way_wrote_of_an_erased_person_is_dropped(known):
    connection = a_connection()
    for object_id in (known.pk, known.pk + 1):
        CrmLink.objects.create(connection=connection, kind="person", object_id=object_id)
        SyncConflict.objects.create(connection=connection, kind="person", object_id=object_id, field="name")
    assert links_expire() == 2
    assert SyncConflict.objects.get().object_id == known.pk
    assert CrmLink.objects.get().object_id == known.pk


def test_what_an_erased_person_gave_before_brings_nobody_back(known, make_license, follow, at):
    """The account still has the address, and its licenses, orders and requests go on."""
    account = known.account
    account_update(account=account, changes={"email": "ada@initech.example"}, actor="user:1", at=at)
    follow(at)
    person_erase(person=known, actor="user:1", at=at + DAY)
    later = at + 2 * DAY
    account_update(account=account, changes={"notes": "Calls on Mondays"}, actor="user:1", at=later)
    make_license(account=account)
    follow(later)
    assert not Person.objects.exists()
    account_update(account=account, changes={"email": "lovelace@initech.example"}, actor="user:1", at=later)
    follow(later)
    assert Person.objects.get().email == "lovelace@initech.example"
