"""What ends, and what is paid for: tasks about licenses and cycles of payments, judged as history tells of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command

from crm.models import Person, Task
from history.models import Event, ParkedEvent
from licenses.services.issuing import license_reissue
from licenses.services.lifecycle import license_reinstate, license_suspend
from licenses.services.node_caps import node_cap_sweep
from licenses.services.posture import posture_sweep
from licenses.services.renewing import license_renew
from trials.services.running import trial_sweep

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
BY = {"actor": "cli:test"}


@pytest.fixture(autouse=True)
def _nothing_is_parked(db):
    yield
    assert list(ParkedEvent.objects.values_list("error", flat=True)) == []


@pytest.fixture
def day(follow, at, clock):
    """Return what lets days pass: the sweep of postures, then the readers."""

    def do(*numbers: int) -> None:
        for number in numbers:
            clock.set(at + number * DAY)
            posture_sweep(at=clock.at)
            follow(clock.at)

    return do


@pytest.fixture
def sold(make_license, make_account, at):
    """A license for a year, warning in its last month."""
    return make_license(account=make_account("Globex", email="ops@globex.example"), expires_at=at + 365 * DAY)


def tasks() -> list[tuple[str, str]]:
    return list(Task.objects.order_by("pk").values_list("kind", "status"))


def replayed() -> list[tuple[str, str]]:
    """What stands there after history was read again, over filled tables and into empty ones."""
    before = tasks()
    call_command("crm", "replay")
    assert tasks() == before
    Task.objects.all().delete()
    call_command("crm", "replay")
    return tasks()


def test_a_cycle_that_is_cancelled_in_the_warning_time_is_a_renewal_to_make(
    sold, make_subscription, turn, day, at
):
    """A20: what Stripe renews needs nobody, until it does not; taken back, it needs nobody again."""
    cycle = make_subscription(license=sold, account=sold.account)
    day(0, 340)
    assert tasks() == []
    turn(cycle, "cancelled", at + 341 * DAY)
    day(341)
    assert tasks() == [("renewal_due", "open")]
    assert Task.objects.get().person == Person.objects.get()
    turn(cycle, "active", at + 342 * DAY)
    day(342)
    assert tasks() == [("renewal_due", "dropped")]
    turn(cycle, "cancelled", at + 343 * DAY)
    day(343)
    assert tasks() == [("renewal_due", "dropped"), ("renewal_due", "open")]
    assert replayed() == [("renewal_due", "dropped"), ("renewal_due", "open")]


def test_a_cycle_that_is_cancelled_early_is_a_renewal_once_its_time_comes(
    sold, make_subscription, turn, day, at
):
    cycle = make_subscription(license=sold, account=sold.account)
    day(0)
    turn(cycle, "cancelled", at + 100 * DAY)
    day(100, 340)
    assert tasks() == replayed() == [("renewal_due", "open")]


def test_a_license_that_was_made_in_its_warning_time_is_told_of_when_its_cycle_stops(
    make_license, make_subscription, turn, day, at
):
    """One that was taken over from elsewhere: no event tells of its posture."""
    row = make_license(starts_at=at - 300 * DAY, expires_at=at + 25 * DAY)
    cycle = make_subscription(license=row)
    day(0, 10)
    turn(cycle, "cancelled", at + 11 * DAY)
    day(11)
    assert tasks() == replayed() == [("renewal_due", "open")]


def test_a_renewal_so_short_that_it_warns_at_once_is_due_again(sold, signing, day, at):
    """From its grace, and from having been suspended, too; once a term."""
    day(0, 340, 366)
    license_renew(license=sold, days=20, reason="", channel="admin", **BY, at=at + 367 * DAY)
    day(367)
    expected = [("renewal_due", "dropped"), ("expired", "dropped"), ("renewal_due", "open")]
    assert tasks() == expected
    license_suspend(license=sold, reason="late", **BY, at=at + 368 * DAY)
    license_reinstate(license=sold, reason="paid", **BY, at=at + 369 * DAY)
    day(369)
    assert tasks() == expected
    assert replayed() == expected


def test_warning_days_that_are_amended_change_the_posture_in_history(sold, signing, day, at):
    """A13, A20: the renewal is due because of it, and only once."""
    day(0)
    for number, days in ((290, 80), (291, 30), (292, 80)):
        license_reissue(
            license=sold, changes={"warn_days": days}, reason="", channel="admin", **BY, at=at + number * DAY
        )
        day(number)
    told = Event.objects.filter(kind="posture.changed").order_by("pk").values_list("data__to", flat=True)
    assert list(told) == ["warning", "valid", "warning"]
    assert tasks() == replayed() == [("renewal_due", "open")]


def test_a_payment_that_fails_is_one_task_an_invoice_until_it_is_paid(
    sold, make_subscription, fail_payment, settle, day, at
):
    """A20, C28: about who looks after the license, however often Stripe tries."""
    cycle = make_subscription(license=sold, account=sold.account)
    for number in (1, 2, 3):
        fail_payment(cycle, "in_first", at + number * DAY)
    fail_payment(cycle, "in_second", at + 3 * DAY)
    day(3)
    assert tasks() == [("payment_failed", "open")] * 2
    assert {task.person for task in Task.objects.all()} == {Person.objects.get()}
    assert {(task.subject_type, task.subject_id) for task in Task.objects.all()} == {
        ("subscription", cycle.stripe_id)
    }
    settle(at + 4 * DAY, session=False, reference="in_first", subscription=cycle, account=sold.account)
    day(4)
    assert tasks() == [("payment_failed", "dropped"), ("payment_failed", "open")]


@pytest.mark.parametrize("which", ["test", "internal", "of an internal account"])
def test_nothing_is_to_be_done_about_what_is_not_sold(
    which, make_license, make_account, make_subscription, fail_payment, turn, beat, day, follow, at
):
    """A16, A20, D4: over its cap, about to end, over, unpaid."""
    account = make_account("Ourselves", kind="internal" if which == "of an internal account" else "customer")
    terms = {"test": {"kind": "test"}, "internal": {"internal": True}}.get(which, {})
    row = make_license(account=account, expires_at=at + 100 * DAY, **terms)
    cycle = make_subscription(license=row, account=account)
    for number in range(16):
        beat(row, at + number * DAY, nodes=9)
        node_cap_sweep(at=at + number * DAY)
    fail_payment(cycle, "in_1", at + 20 * DAY)
    turn(cycle, "lapsed", at + 90 * DAY)
    day(20, 99, 101, 200)
    assert tasks() == []


def test_nothing_is_to_be_done_about_a_trial_of_our_own(program, ask, make_account, follow, at):
    ask(program, account=make_account("Ourselves", kind="internal"))
    for when in (at + 8 * DAY, at + 60 * DAY):
        trial_sweep(at=when)
        follow(when)
    assert tasks() == []


def test_what_an_internal_account_has_is_no_renewal(make_license, make_account, at):
    """D18: neither counted nor listed."""
    from crm.renewals import buckets, renewals

    sold = make_license(expires_at=at + 10 * DAY)
    make_license(account=make_account("Ourselves", kind="internal"), expires_at=at + 10 * DAY)
    assert [bucket.count for bucket in buckets(at)] == [1, 1, 1]
    assert [row.license for row in renewals(30, at, 10)] == [sold]


def test_tasks_that_were_made_once_a_change_of_posture_are_known_by_their_term(sold, signing, day, at):
    """The migration: history read again finds them."""
    from importlib import import_module

    from django.apps import apps

    day(0, 340, 366)
    license_renew(license=sold, days=200, reason="", channel="admin", **BY, at=at + 367 * DAY)
    day(367, 560)
    after = list(Task.objects.order_by("pk").values_list("dedupe_key", flat=True))
    for row in Task.objects.all():
        made = Event.objects.get(kind="posture.changed", at=row.created_at)
        Task.objects.filter(pk=row.pk).update(dedupe_key=f"{row.kind}:{row.subject_id}:{made.uid}")
    import_module("crm.migrations.0004_terms_and_restored_records").by_term(apps, None)
    assert list(Task.objects.order_by("pk").values_list("dedupe_key", flat=True)) == after
    assert len(set(after)) == 3
