"""A trial from its first day to its end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.kit.errors import Invalid
from history.models import Event
from history.services import reader_run, sequence
from licenses.domain.heartbeats import Beat
from licenses.models import Renewal
from licenses.services.heartbeats import beat_apply
from licenses.services.issuing import license_create
from licenses.services.lifecycle import license_revoke
from licenses.services.renewing import license_renew
from trials.errors import ExtensionUsed, TrialEnded
from trials.models import Trial
from trials.services.running import trial_convert, trial_end, trial_extend, trial_revoke, trial_sweep

pytestmark = pytest.mark.django_db

BY = {"actor": "user:1"}
DAY = timedelta(days=1)


def follow(at):
    sequence(at=at)
    reader_run("trials", at=at)


def beat(trial, at, nodes: int = 1) -> None:
    beat_apply(license_pk=trial.license_id, beat=Beat("install-0001", "2.4.1", "Linux", nodes), at=at)


def fresh(trial) -> Trial:
    return Trial.objects.get(pk=trial.pk)


def test_an_extension_renews_the_license(running, at):
    """A26: by the one renewing service; once, as the program allows."""
    before = running.ends_at
    trial_extend(trial=running, **BY, at=at)
    assert fresh(running).ends_at == before + timedelta(days=14) == Renewal.objects.get().new_expires_at
    with pytest.raises(ExtensionUsed):
        trial_extend(trial=running, **BY, at=at)


def test_a_trial_that_ended_is_not_extended(running, at):
    trial_end(trial=running, reason="lost", **BY, at=at)
    with pytest.raises(TrialEnded):
        trial_extend(trial=running, **BY, at=at)


def test_ending_needs_a_reason(running, at):
    with pytest.raises(Invalid):
        trial_end(trial=running, reason="", **BY, at=at)


def test_a_trial_expires_once(running):
    trial_sweep(at=running.ends_at - timedelta(seconds=1))
    assert fresh(running).outcome == ""
    for _ in range(2):
        trial_sweep(at=running.ends_at)
    assert (fresh(running).outcome, fresh(running).engagement) == ("expired", "expired")
    assert Event.objects.filter(kind="trial.ended").count() == 1


def test_a_sweep_of_many_writes_no_more_often_than_of_one(program, ask, at):
    """A19: each its events, all in the statements of one; at their end too."""

    def statements(after):
        with CaptureQueriesContext(connection) as queries:
            changed = trial_sweep(at=at + after)
        return changed, len(queries)

    ask(program, email="first@one.example")
    changed, alone = statements(3 * DAY)
    assert changed == 1
    Trial.objects.update(engagement="requested", engagement_due_at=at)
    for number in range(4):
        ask(program, email=f"ada@customer{number}.example")
    assert statements(3 * DAY) == (5, alone)
    assert set(Trial.objects.values_list("engagement", flat=True)) == {"stuck"}
    assert statements(60 * DAY) == (5, alone)
    assert set(Trial.objects.values_list("outcome", "engagement")) == {("expired", "expired")}
    told = Event.objects.filter(actor="system:trial-sweep")
    assert told.filter(kind="trial.ended").values("subject").distinct().count() == 5
    assert told.filter(kind="trial.engagement").count() == 6


def test_engagement_follows_the_beats(running, at):
    """A19: stuck, active, dormant, each one event."""
    trial_sweep(at=at + timedelta(hours=48))
    beat(running, at + timedelta(hours=50))
    trial_sweep(at=at + timedelta(hours=51))
    trial_sweep(at=at + timedelta(hours=52))
    trial_sweep(at=at + timedelta(days=10))
    steps = Event.objects.filter(kind="trial.engagement").order_by("id")
    assert [event.data["to"] for event in steps] == ["stuck", "active", "dormant"]
    assert fresh(running).first_beat_at == at + timedelta(hours=50)


def test_a_first_beat_wakes_a_stuck_trial_through_history(running, at):
    trial_sweep(at=at + timedelta(hours=48))
    beat(running, at + timedelta(hours=50))
    follow(at + timedelta(hours=50))
    assert fresh(running).engagement == "active"


def test_going_over_the_cap_makes_it_ready_for_a_pilot(running, at):
    beat(running, at + timedelta(hours=1), nodes=3)
    follow(at + timedelta(hours=1))
    assert fresh(running).engagement == "pilot_ready"
    assert fresh(running).ready_at == at + timedelta(hours=1)


def test_a_revoked_license_ends_its_trial(running, at):
    """Architecture: revoke is one command; a trial ends as revoked."""
    license_revoke(license=running.license, reason="abuse", **BY, at=at)
    follow(at)
    assert (fresh(running).outcome, fresh(running).engagement) == ("revoked", "lost")


def test_revoking_a_trial_revokes_its_license(running, at):
    trial_revoke(trial=running, reason="abuse", **BY, at=at)
    running.license.refresh_from_db()
    assert running.license.status == "revoked"
    follow(at)
    assert Event.objects.filter(kind="trial.ended").count() == 1


def test_a_commercial_license_converts_the_trial(running, enterprise, at):
    """A19: conversion is detected when the account gets a commercial license."""
    bought = license_create(account=running.account, plan=enterprise, origin="stripe", **BY, at=at)
    follow(at)
    assert (fresh(running).outcome, fresh(running).converted_by) == ("converted", bought)


@pytest.mark.parametrize(("ending", "state"), [(trial_sweep, "expired"), (trial_end, "lost")])
def test_a_purchase_after_the_end_converts_the_trial(running, enterprise, ending, state):
    """A19, A28: counted as a sale of the trial, whose end stays where it was."""
    end = running.ends_at
    if ending is trial_sweep:
        trial_sweep(at=end)
    else:
        trial_end(trial=running, reason="silence", **BY, at=end)
    assert fresh(running).outcome == state
    when = end + 60 * DAY
    bought = license_create(account=running.account, plan=enterprise, origin="stripe", **BY, at=when)
    follow(when)
    row = fresh(running)
    assert (row.outcome, row.engagement, row.converted_by, row.ended_at) == (
        "converted",
        "converted",
        bought,
        end,
    )
    follow(when)
    assert Event.objects.filter(kind="trial.converted").count() == 1


def test_a_purchase_in_time_that_history_tells_after_the_end_converts_the_trial(running, enterprise, at):
    """An outage of the worker: the sweep came first."""
    bought = license_create(account=running.account, plan=enterprise, origin="stripe", **BY, at=at + DAY)
    trial_sweep(at=running.ends_at + DAY)
    assert fresh(running).outcome == "expired"
    follow(running.ends_at + DAY)
    assert fresh(running).converted_by == bought


def test_a_purchase_long_after_the_end_converts_nothing(running, enterprise):
    trial_sweep(at=running.ends_at)
    when = running.ends_at + 180 * DAY
    license_create(account=running.account, plan=enterprise, origin="stripe", **BY, at=when)
    follow(when)
    assert fresh(running).outcome == "expired"


def test_a_purchase_after_a_revoked_trial_converts_nothing(running, enterprise, at):
    trial_revoke(trial=running, reason="abuse", **BY, at=at)
    license_create(account=running.account, plan=enterprise, origin="staff", **BY, at=at + DAY)
    follow(at + DAY)
    assert fresh(running).outcome == "revoked"


def test_who_bought_late_is_silent_from_then_on(running, enterprise):
    """A19: thirty days are counted from the purchase, not from the end of the trial."""
    trial_sweep(at=running.ends_at)
    when = running.ends_at + 60 * DAY
    license_create(account=running.account, plan=enterprise, origin="stripe", **BY, at=when)
    follow(when)
    trial_sweep(at=when + 29 * DAY)
    assert fresh(running).attention == ""
    trial_sweep(at=when + 30 * DAY)
    assert fresh(running).attention == "dormant_paid"


@pytest.mark.parametrize("what", ["internal", "test", "other account"])
def test_other_licenses_convert_nothing(running, enterprise, what, at, make_account):
    account = make_account("Hooli") if what == "other account" else running.account
    license_create(
        account=account, plan=enterprise, kind="test" if what == "test" else None, internal=what == "internal",
        origin="staff", **BY, at=at,
    )  # fmt: skip
    follow(at)
    assert fresh(running).outcome == ""


def test_a_license_that_staff_renewed_prolongs_the_trial(running, at):
    license_renew(license=running.license, days=60, channel="admin", **BY, at=at)
    follow(at)
    assert fresh(running).ends_at == running.ends_at + timedelta(days=60)


def test_converting_by_hand_needs_no_license(running, at):
    assert trial_convert(trial=running, license=None, **BY, at=at).outcome == "converted"


def test_following_again_from_the_start_changes_nothing(running, at):
    from history.models import Reader

    beat(running, at + timedelta(hours=1))
    follow(at + timedelta(hours=1))
    before = list(Trial.objects.values())
    events = Event.objects.count()
    Reader.objects.filter(name="trials").update(position=0)
    follow(at + timedelta(hours=1))
    assert [{**row, "engagement_at": 0} for row in Trial.objects.values()] == [
        {**row, "engagement_at": 0} for row in before
    ]
    assert Event.objects.count() == events


# --- what waits for a person --------------------------------------------------------------------------


def attentions() -> list[tuple[str, str]]:
    rows = Event.objects.filter(kind="trial.attention").order_by("id")
    return [(row.data["from"], row.data["to"]) for row in rows]


def test_a_trial_stuck_for_a_week_waits_for_a_person_until_it_is_heard(running, at):
    """A19: 7 days for a staff task; one event a change, none without."""
    for hours in (48, 24 * 7 - 1, 24 * 7, 24 * 7 + 1, 24 * 20):
        trial_sweep(at=at + timedelta(hours=hours))
        trial_sweep(at=at + timedelta(hours=hours))
    assert attentions() == [("", "stuck")]
    assert Trial.objects.get().attention_at == at + 7 * DAY
    beat(running, at + 21 * DAY)
    trial_sweep(at=at + 21 * DAY)
    assert attentions() == [("", "stuck"), ("stuck", "")]
    assert Trial.objects.get().attention_at is None


def test_a_trial_that_ends_waits_for_nobody(running, at):
    """A19"""
    trial_sweep(at=at + 8 * DAY)
    trial_sweep(at=at + 31 * DAY)
    assert attentions() == [("", "stuck"), ("stuck", "")]


def test_a_customer_silent_for_a_month_waits_for_a_person_until_it_is_heard(running, enterprise, at):
    """A19: dormant after 30 days when paid; by its own license, which replaced the one of the trial."""
    bought = license_create(
        account=running.account, plan=enterprise, origin="staff", actor="user:1", at=at + DAY
    )
    trial_convert(trial=running, license=bought, actor="user:1", at=at + DAY)
    for day in (2, 20, 31, 32, 40):
        trial_sweep(at=at + day * DAY)
    assert attentions() == [("", "dormant_paid")]
    beat_apply(license_pk=bought.pk, beat=Beat("install-0001", "2.4.1", "Linux", 1), at=at + 41 * DAY)
    for day in (41, 60, 71, 90):
        trial_sweep(at=at + day * DAY)
    assert attentions() == [("", "dormant_paid"), ("dormant_paid", ""), ("", "dormant_paid")]
    assert Trial.objects.get().engagement == "converted"


def test_who_has_no_license_any_more_is_not_missed(running, enterprise, at):
    """A19: a customer that left is no customer gone silent."""
    bought = license_create(
        account=running.account, plan=enterprise, origin="staff", actor="user:1", at=at + DAY
    )
    trial_convert(trial=running, license=bought, actor="user:1", at=at + DAY)
    trial_sweep(at=at + 31 * DAY)
    license_revoke(license=bought, reason="returned", actor="user:1", at=at + 32 * DAY)
    trial_sweep(at=at + 32 * DAY)
    assert attentions() == [("", "dormant_paid"), ("dormant_paid", "")]
    trial_sweep(at=at + 99 * DAY)
    assert len(attentions()) == 2
