"""What the reader of history makes: people of leads, tasks of what needs somebody."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import DataError

from accounts.services.accounts import account_update
from crm.models import Person, Task, TaskRule
from crm.services import enriching
from crm.services.counting import traffic_count
from crm.services.enriching import people_enrich
from crm.services.tasks import task_move, task_rule_change
from history.models import Event, ParkedEvent
from licenses.services.node_caps import node_cap_sweep
from licenses.services.posture import posture_sweep
from licenses.services.renewing import license_renew
from trials.domain.touches import Touch
from trials.models import TrafficDay
from trials.services.requesting import request_confirm
from trials.services.running import trial_convert, trial_sweep

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
BY = {"actor": "cli:test"}


@pytest.fixture(autouse=True)
def _nothing_is_parked(db):
    yield
    assert list(ParkedEvent.objects.values_list("error", flat=True)) == []


def tasks(**filters) -> list[tuple[str, str]]:
    return list(Task.objects.filter(**filters).order_by("pk").values_list("kind", "status"))


# --- leads --------------------------------------------------------------------------------------------


def test_who_asks_for_a_trial_becomes_a_person_with_first_and_last_touch(program, ask, follow, at):
    """A23, A24: what was captured at the first entry stands on the person; the license is the person's own."""
    first, last = Touch("newsletter", "email", "spring", at - 9 * DAY), Touch("search", "cpc", "", at - DAY)
    asked = ask(
        program, "Ada.Lovelace@gmail.com", name="Ada", company="Initech", first_touch=first, last_touch=last
    )
    follow()
    person = Person.objects.get()
    assert (person.name, person.company, person.origin) == ("Ada", "Initech", "trial")
    assert (person.first_source, person.first_campaign, person.first_touch_at) == (
        "newsletter",
        "spring",
        first.at,
    )
    assert (person.last_source, person.last_medium, person.last_touch_at) == ("search", "cpc", last.at)
    assert [row.license_id for row in person.licenses.all()] == [asked.granted.trial.license_id]
    assert person.account_id == asked.granted.trial.account_id


def test_a_second_entry_moves_the_last_touch_and_never_the_first(make_program, ask, signing, follow, at):
    """A23: under another spelling of one address, too."""
    one, two = make_program("one"), make_program("two", product=make_program("x").product)
    ask(one, "ada.l@gmail.com", first_touch=Touch("newsletter", "", "", at))
    follow()
    ask(
        two,
        "adal+x@googlemail.com",
        first_touch=Touch("fair", "", "", at - 5 * DAY),
        last_touch=Touch("ad", "", "", at + DAY),
    )
    follow(at + DAY)
    person = Person.objects.get()
    assert (person.first_source, person.last_source) == ("newsletter", "ad")
    assert person.touchpoints.count() == 3


def test_an_address_whose_code_was_never_given_is_nobody(make_program, ask, signing, follow, at):
    """A24: known leads become people, and nobody else."""
    from trials.services.requesting import code_of

    asked = ask(make_program(verify_address=True), trusted=False).request
    follow()
    assert not Person.objects.exists()
    request_confirm(request=asked, code=code_of(asked), at=at)
    follow()
    assert Person.objects.get().email == "ada@initech.example"


def test_the_contact_of_an_account_is_known_and_looks_after_what_is_sold(
    make_account, make_license, follow, at
):
    """A20: an internal account has none; a new address is a new person."""
    acme = make_account("Umbra", kind="customer", email="ops@acme.example")
    make_account("Ourselves", kind="internal", email="us@signet.example")
    row = make_license(account=acme)
    follow()
    person = Person.objects.get()
    assert (person.email, person.account) == ("ops@acme.example", acme)
    assert [link.license for link in person.licenses.all()] == [row]
    account_update(account=acme, changes={"email": "it@acme.example"}, **BY, at=at)
    follow()
    assert Person.objects.count() == 2


def test_a_contact_who_is_named_after_the_license_looks_after_it_too(
    make_account, make_license, follow, beat, at
):
    """A20: neither what is internal nor a test; the facts of its deployments come with it."""
    acme = make_account("Umbra", kind="customer")
    row = make_license(account=acme)
    make_license(account=acme, internal=True)
    make_license(account=acme, kind="test")
    beat(row, at + DAY, nodes=2)
    follow(at + DAY)
    account_update(account=acme, changes={"email": "ops@umbra.example"}, **BY, at=at + 2 * DAY)
    follow(at + 2 * DAY)
    person = Person.objects.get()
    assert [link.license for link in person.licenses.all()] == [row]
    assert (person.last_seen_at, person.nodes, person.created_at) == (at + DAY, 2, at + 2 * DAY)


# --- facts --------------------------------------------------------------------------------------------


def test_heartbeats_are_written_onto_the_person_on_change_only(
    running, follow, beat, at, django_assert_num_queries
):
    """A20: engagement, last seen, version, system, nodes and cap; the same again writes nothing."""
    beat(running.license, at + DAY, nodes=3)
    follow(at + DAY)
    person = Person.objects.get()
    assert (person.engagement, person.last_seen_at, person.version) == ("pilot_ready", at + DAY, "2.4.1")
    assert (person.operating_system, person.nodes, person.cap_state) == ("Linux", 3, "quiet")
    assert people_enrich(at=at + DAY) == 0
    beat(running.license, at + DAY + timedelta(hours=2), nodes=3)
    assert [people_enrich(at=at + 2 * DAY) for _ in range(2)] == [1, 0]
    person.refresh_from_db()
    assert person.last_seen_at == at + DAY + timedelta(hours=2)
    assert person.facts_at == at + 2 * DAY


def test_one_deployment_that_exaggerates_stops_nobody(program, ask, follow, beat, at):
    """A20: its nodes are as many as the column holds."""
    loud, quiet = (ask(program, f"x@{name}.example").granted.trial.license for name in ("loud", "quiet"))
    for number in (1, 2):
        beat(loud, at + DAY, nodes=2**31 - 1, name=f"install-000{number}")
    beat(quiet, at + DAY, nodes=3)
    follow(at + DAY)
    assert sorted(Person.objects.values_list("nodes", flat=True)) == [3, 2**31 - 1]


def test_somebody_whose_facts_cannot_be_written_keeps_nobody_else_back(
    program, ask, follow, beat, at, monkeypatch
):
    """A20: the hourly run goes on behind them."""
    rows = [ask(program, f"x@{name}.example").granted.trial.license for name in ("one", "two", "three")]
    follow()
    for row in rows:
        beat(row, at + DAY)
    bad, written = Person.objects.get(licenses__license=rows[0]).pk, enriching._write

    def write(row, facts, when):
        if row.pk == bad:
            raise DataError("out of range")
        return written(row, facts, when)

    monkeypatch.setattr(enriching, "_write", write)
    assert people_enrich(at=at + DAY) == 2
    assert Person.objects.exclude(last_seen_at=None).count() == 2


# --- tasks --------------------------------------------------------------------------------------------


def test_each_step_over_the_node_cap_is_one_task(
    make_license, make_account, license_manager, follow, beat, at
):
    """A16: a step, an installation, an episode; sweeping and reading again make none; a new episode is new."""
    row = make_license(account=make_account("Globex", owner=license_manager))

    def days(first, last):
        for number in range(first, last):
            for _ in range(2):
                node_cap_sweep(at=at + number * DAY)
                follow(at + number * DAY)

    beat(row, at, nodes=9)
    days(0, 45)
    assert tasks() == [("over_cap", "open")] * 2
    task = Task.objects.first()
    assert (task.owner, task.account.name, task.subject_type) == (license_manager, "Globex", "installation")
    beat(row, at + 46 * DAY, nodes=1)
    follow(at + 46 * DAY)
    assert tasks() == [("over_cap", "dropped")] * 2
    beat(row, at + 47 * DAY, nodes=9)
    days(47, 60)
    assert tasks(status="open") == [("over_cap", "open")]


def test_a_trial_tells_what_to_do_about_it_once_each(running, follow, beat, at):
    """A19, A20: stuck for a week; heard, ready, silent; run out. What is moot is dropped by itself."""
    trial_sweep(at=at + 8 * DAY)
    follow(at + 8 * DAY)
    assert tasks() == [("stuck", "open")]
    assert Task.objects.get().person == Person.objects.get()
    beat(running.license, at + 9 * DAY, nodes=5)  # over its cap: ready for a pilot
    follow(at + 9 * DAY)
    assert tasks() == [("stuck", "dropped"), ("pilot_ready", "open")]
    for _ in range(2):
        trial_sweep(at=at + 17 * DAY)
        follow(at + 17 * DAY)
    assert tasks(kind="dormant") == [("dormant", "open")]
    trial_sweep(at=running.ends_at)
    follow(running.ends_at)
    assert tasks(status="open") == [("expired", "open")]


def test_a_trial_that_converts_leaves_nothing_to_do(running, follow, beat, at):
    beat(running.license, at + DAY, nodes=5)
    follow(at + DAY)
    assert tasks() == [("pilot_ready", "open")]
    trial_convert(trial=running, license=None, **BY, at=at + 2 * DAY)
    follow(at + 2 * DAY)
    assert tasks() == [("pilot_ready", "dropped")]


def test_a_license_that_runs_out_is_a_renewal_and_then_a_loss(make_license, signing, follow, at):
    """A20: renewal due, expired; renewing settles both, unless somebody has it in hand."""
    row = make_license(expires_at=at + 365 * DAY)
    for day in (340, 341, 366, 370):
        posture_sweep(at=at + day * DAY)
        follow(at + day * DAY)
        if day == 341:
            assert tasks() == [("renewal_due", "open")]
    assert tasks() == [("renewal_due", "dropped"), ("expired", "open")]
    task_move(task=Task.objects.get(kind="expired"), to="in_progress", **BY, at=at + 370 * DAY)
    license_renew(license=row, days=365, reason="", persist=True, channel="admin", **BY, at=at + 371 * DAY)
    follow(at + 371 * DAY)
    assert tasks(kind="expired") == [("expired", "in_progress")]


@pytest.mark.parametrize("terms", [{"kind": "test"}, {"internal": True}])
def test_what_is_not_sold_is_not_renewed(make_license, follow, at, terms):
    make_license(expires_at=at + 100 * DAY, **terms)
    for day in (99, 101, 200):
        posture_sweep(at=at + day * DAY)
        follow(at + day * DAY)
    assert tasks() == []


def test_the_owner_is_whoever_looks_after_the_account_else_whom_the_rule_names(
    program, ask, make_account, make_user, license_manager, follow, at
):
    """A16: somebody who can no longer sign in gets nothing; a kind that is switched off is not made."""
    seller, gone = make_user("sales"), make_user(email="gone@signet.example")
    gone.is_active = False
    gone.save()
    task_rule_change(
        rule=TaskRule.objects.get(kind="stuck"), owner=seller, due_days=5, active=True, **BY, at=at
    )
    for name, owner in (("one", license_manager), ("two", None), ("three", gone)):
        ask(program, f"x@{name}.example", account=make_account(name, owner=owner))
    trial_sweep(at=at + 8 * DAY)
    follow(at + 8 * DAY)
    owners = dict(Task.objects.values_list("account__name", "owner__email"))
    assert owners == {"one": license_manager.email, "two": seller.email, "three": seller.email}
    assert {task.due_on for task in Task.objects.all()} == {(at + 13 * DAY).date()}
    assert Event.objects.filter(kind="setting.changed").count() == 1


def test_a_day_of_anonymous_visits_is_one_task_and_nobody(follow, at):
    """A24: once a day however often it runs, days that a stopped clock left included; today is not over."""
    for day, source, visits in ((1, "ad", 5), (1, "", 2), (2, "fair", 1), (0, "ad", 9)):
        TrafficDay.objects.create(day=(at - day * DAY).date(), source=source, visits=visits)
    assert [traffic_count(at=at) for _ in range(2)] == [2, 0]
    follow()
    assert not Person.objects.exists()
    assert tasks() == [("traffic", "open")] * 2
    yesterday = Task.objects.get(subject_id=str((at - DAY).date()))
    assert yesterday.title == f"Visits of {(at - DAY).date()}"
    assert yesterday.text == "7 in all\n5 ad\n2 (none)"
    assert yesterday.due_on == date(2026, 3, 9)


def test_a_follow_up_that_is_overdue_is_one_task(running, follow, at):
    """A20, B17."""
    from trials.services.evidence.daily import evidence_tend

    late = running.ends_at + 5 * DAY
    trial_sweep(at=running.ends_at)
    for when in (running.ends_at + DAY, late, late):
        evidence_tend(at=when)
    follow(late)
    assert tasks(kind="evidence_overdue") == [("evidence_overdue", "open")]


def test_a_follow_up_that_was_done_and_is_late_again_is_another_task(running, follow, at):
    """A20, B17: the first was dropped when it was done."""
    from trials.domain.evidence.words import HandoffKind
    from trials.services.evidence.daily import evidence_tend
    from trials.services.evidence.handoffs import handoff_drop, handoff_set
    from trials.services.evidence.packages import latest_of

    late = running.ends_at + 5 * DAY
    _follow_up_done(running, late, follow)
    assert tasks(kind="evidence_overdue") == [("evidence_overdue", "dropped")]
    package = latest_of(running, "follow_up")
    handoff_set(package=package, kind=HandoffKind.SALES, **BY, at=late)
    for _ in range(2):
        evidence_tend(at=late)
        follow(late)
    assert tasks(kind="evidence_overdue") == [("evidence_overdue", "dropped"), ("evidence_overdue", "open")]
    handoff_drop(package=package, kind=HandoffKind.SALES, **BY, at=late)
    follow(late)
    assert tasks(kind="evidence_overdue", status="open") == []


def _follow_up_done(trial, late, follow):
    """A revoked trial whose follow-up was late, and then became ready."""
    from trials.domain.evidence.words import HandoffKind, NotificationChannel
    from trials.services.evidence.approvals import package_decide
    from trials.services.evidence.daily import evidence_tend
    from trials.services.evidence.handoffs import handoff_set
    from trials.services.evidence.notifying import evaluator_notify
    from trials.services.evidence.packages import latest_of
    from trials.services.running import trial_revoke

    trial_revoke(trial=trial, reason="abuse", **BY, at=trial.started_at)
    for when in (trial.started_at, late):
        evidence_tend(at=when)
    follow(late)
    expiry = latest_of(trial, "expiry")
    package_decide(package=expiry, digest=expiry.digest, approved=True, actor="user:2", at=late)
    given = {"owner_ref": "user:7", "next_action_ref": "ref:1", "tracking_ref": "ref:2", **BY, "at": late}
    for kind in (HandoffKind.CUSTOMER_SUCCESS, HandoffKind.SUPPORT):
        handoff_set(package=latest_of(trial, "follow_up"), kind=kind, **given)
    evaluator_notify(
        package=latest_of(trial, "follow_up"), channel=NotificationChannel.SUPPORT_TICKET, tracking_ref="T-1",
        **BY, at=late,
    )  # fmt: skip
    assert latest_of(trial, "follow_up").blockers == []
    follow(late)
