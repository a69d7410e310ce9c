"""Telling customers that a license ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection

from config.kit.errors import Invalid
from history.models import Event
from licenses.models import License
from licenses.services.lifecycle import license_revoke, license_suspend
from licenses.services.renewing import license_renew
from notifications.models import Message, NoticePolicy
from notifications.parts import parts_unseal
from notifications.selectors.notices import licenses_due, policy_get, unreachable
from notifications.services import notices
from notifications.services.notices import (
    NoEnd,
    notice_policy_update,
    notice_preview,
    notice_send,
    notices_sweep,
)
from notifications.tasks.notices import notices_sweep as task
from trials.models import Trial, TrialProgram

pytestmark = pytest.mark.django_db

BY = {"actor": "cli:test"}
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def acme(make_account):
    return make_account("Acme Corporation", slug="acme-corp", email="ada@acme.example")


@pytest.fixture
def ending(acme, make_ending, at):
    """Return a maker of licenses of Acme, made two months ago: `ending(30 * DAY)`."""

    def make(delta, **fields):
        return make_ending(delta, **{"account": acme, "made_at": at - 60 * DAY, **fields})

    return make


@pytest.fixture
def switched_on(db, at):
    """Return what switches notices on: `switched_on(days_after=[7])`."""

    def make(**fields):
        return notice_policy_update(at=at, **{"enabled": True, "hour": 9, **BY, **fields})

    return make


@pytest.fixture
def sweep(at):
    return lambda at=at: notices_sweep(at=at, **BY)


def subjects():
    return list(Message.objects.order_by("pk").values_list("subject", flat=True))


# --- the policy -------------------------------------------------------------------------------------------


def test_notices_are_off_until_switched_on(ending, sweep):
    ending(7 * DAY)

    assert policy_get().enabled is False
    assert sweep().sent == 0
    assert subjects() == []


def test_the_days_are_thirty_fourteen_seven_one_and_the_day_itself():
    policy = policy_get()

    assert (policy.days_before, policy.days_after) == ([30, 14, 7, 1, 0], [])


def test_a_change_is_an_event_without_addresses(switched_on, at):
    switched_on(reply_to="renewals@signet.example")

    event = Event.objects.get(kind="setting.changed")
    assert event.subject == "setting:customer-notices"
    assert event.data["fields"] == ["enabled", "reply_to"]
    assert NoticePolicy.objects.get().reply_to == "renewals@signet.example"


def test_a_change_that_changes_nothing_is_no_event(switched_on):
    switched_on()
    switched_on()

    assert Event.objects.filter(kind="setting.changed").count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("days_before", [366]),
        ("days_before", [-1]),
        ("days_before", list(range(40))),
        ("days_after", [0]),
        ("kinds", ["test"]),
        ("kinds", []),
        ("hour", 24),
        ("zone", "Mars/Base"),
        ("reply_to", "nobody"),
    ],
)
def test_nonsense_is_refused_at_its_field(switched_on, field, value):
    """Test keys are never written about, whatever the policy."""
    with pytest.raises(Invalid) as refused:
        switched_on(**{field: value})

    assert {error.field for error in refused.value.errors} == {field}
    assert not policy_get().enabled


def test_a_policy_without_days_cannot_be_switched_on(switched_on):
    with pytest.raises(Invalid):
        switched_on(days_before=[])


def test_a_setting_that_is_none_is_refused(switched_on):
    with pytest.raises(Invalid, match="cannot be set"):
        switched_on(id=2)


# --- who is told ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delta", "subject"),
    [
        (30 * DAY, "Your Demo license ends in 30 days"),
        (DAY, "Your Demo license ends tomorrow"),
        (3 * HOUR, "Your Demo license ends today"),
        (-HOUR, "Your Demo license ended today"),
        (-7 * DAY, "Your Demo license ended 7 days ago"),
    ],
)
def test_a_customer_is_told_in_the_words_of_the_day(switched_on, ending, sweep, delta, subject):
    switched_on(days_after=[7])
    row = ending(delta)

    assert sweep().sent == 1

    message = Message.objects.get()
    assert (message.subject, message.recipient, message.stream) == (subject, "ada@acme.example", "notice")
    assert (message.license, message.account) == (row, row.account)


@pytest.mark.parametrize("delta", [31 * DAY, 20 * DAY, -20 * DAY])
def test_between_the_steps_nobody_is_told(switched_on, ending, sweep, delta):
    switched_on()
    ending(delta)

    assert sweep().sent == 0


def test_a_step_is_told_once(switched_on, ending, sweep, at):
    """Always true 7: at most one mail per recipient, template and step."""
    switched_on()
    ending(7 * DAY)

    assert [sweep(at + n * HOUR).sent for n in range(5)] == [1, 0, 0, 0, 0]
    assert sweep(at + 6 * DAY).sent == 1
    assert subjects() == ["Your Demo license ends in 7 days", "Your Demo license ends tomorrow"]


def test_three_days_of_silence_skip_what_is_overtaken_and_make_up_for_the_rest(
    switched_on, ending, sweep, at
):
    """Two beats, or none for three days: the latest step only, in the words that hold now."""
    switched_on()
    ending(8 * DAY + HOUR)
    sweep()
    assert Message.objects.count() == 1  # fourteen days, made up for

    for day in (4, 5, 6, 7, 8):
        sweep(at + day * DAY)

    assert subjects()[1:] == [
        "Your Demo license ends in 4 days",
        "Your Demo license ends tomorrow",
        "Your Demo license ends today",
    ]


@pytest.mark.parametrize("fields", [{"kind": "test"}, {"internal": True}])
def test_test_keys_and_internal_licenses_are_nobody_s_business(switched_on, ending, sweep, fields):
    switched_on()
    ending(7 * DAY, **fields)

    assert sweep().sent == 0


def test_a_trial_that_was_asked_for_has_mail_of_its_own(switched_on, ending, trial, acme, sweep, at):
    """A25: its course speaks of its end; a trial that staff gave by hand has no course."""
    switched_on()
    by_hand, asked_for = (ending(7 * DAY, plan=trial) for _ in range(2))
    program = TrialProgram.objects.create(slug="demo", name="Demo", product=trial.product, plan=trial)
    Trial.objects.create(
        program=program, account=acme, license=asked_for, email="ada@acme.example", started_at=at - 20 * DAY,
        middle_at=at, ends_at=at + 7 * DAY,
    )  # fmt: skip

    assert sweep().sent == 1
    assert Message.objects.get().license == by_hand
    assert notice_send(license_id=asked_for.pk, at=at, **BY) is None


def test_kinds_that_are_not_chosen_are_not_told(switched_on, ending, sweep):
    switched_on(kinds=["trial"])
    ending(7 * DAY)

    assert sweep().sent == 0


def test_revoked_suspended_and_perpetual_licenses_are_silent(
    switched_on, ending, make_license, community, acme, sweep, at
):
    switched_on()
    license_revoke(license=ending(7 * DAY), reason="returned", at=at, **BY)
    license_suspend(license=ending(7 * DAY), reason="unpaid", at=at, **BY)
    make_license(community, account=acme)

    assert sweep().sent == 0


def test_a_renewed_license_begins_anew(switched_on, ending, sweep, signing, at):
    """Another end is another notice."""
    switched_on()
    row = ending(7 * DAY)
    sweep()
    license_renew(license=row, days=30, reason="", channel="cli", at=at + HOUR, **BY)

    assert sweep(at + 2 * HOUR).sent == 0
    assert sweep(at + 7 * DAY).sent == 1
    assert subjects()[1] == "Your Demo license ends in 30 days"


def test_a_license_made_after_the_hour_of_a_step_waits_for_the_next(switched_on, ending, sweep, at):
    """A license of fourteen days is not announced to end in fourteen days on its first morning."""
    switched_on()
    ending(14 * DAY, made_at=at)

    assert sweep().sent == 0
    assert sweep(at + 7 * DAY).sent == 1


def test_a_license_renewed_after_the_hour_of_a_step_waits_for_the_next(
    switched_on, ending, sweep, signing, at
):
    switched_on()
    license_renew(license=ending(DAY), days=13, reason="", channel="cli", at=at, **BY)

    assert sweep().sent == 0


def test_the_hour_is_that_of_the_zone(switched_on, ending, sweep, at):
    """09:30 UTC is half past four in New York."""
    switched_on(zone="America/New_York", days_before=[7])
    ending(7 * DAY)

    assert sweep().sent == 0
    assert sweep(at + 4 * HOUR + HOUR / 2).sent == 1


def test_an_account_without_an_address_is_shown_not_forgotten(switched_on, ending, make_account, sweep, at):
    switched_on()
    account = make_account("Globex", slug="globex")
    row = ending(7 * DAY, account=account)
    assert sweep().sent == 0
    assert unreachable(policy_get(), at, limit=10) == [row]

    type(account).objects.filter(pk=account.pk).update(email="it@globex.example")

    assert (sweep().sent, unreachable(policy_get(), at, limit=10)) == (1, [])


def test_answers_go_where_the_policy_says(switched_on, ending, sweep):
    switched_on(reply_to="renewals@signet.example")
    ending(7 * DAY)
    sweep()

    parts = parts_unseal(bytes(Message.objects.get().parts))
    assert parts.reply_to == "renewals@signet.example"
    assert "Reply to this mail and we will renew it." in parts.text


def test_a_notice_says_what_happens_by_the_license_s_own_terms(switched_on, ending, sweep):
    """A9, A10: fourteen days of grace, then read-only."""
    switched_on()
    ending(7 * DAY)
    sweep()

    text = parts_unseal(bytes(Message.objects.get().parts)).text
    assert "Ends:         9 March 2026, 09:30 (UTC)" in text
    assert "From 23 March 2026, 09:30 (UTC) on it is read-only" in text


def test_names_of_outsiders_are_text(switched_on, ending, make_account, sweep):
    switched_on()
    ending(7 * DAY, account=make_account("<script>alert(1)</script>", slug="eve", email="eve@evil.example"))
    sweep()

    html = parts_unseal(bytes(Message.objects.get().parts)).html
    assert "&lt;script&gt;" in html
    assert "<script" not in html


# --- the sweep --------------------------------------------------------------------------------------------


def test_one_that_cannot_be_told_keeps_none_of_the_others(switched_on, ending, make_account, sweep):
    """An address that no mail can be sent to, and more like it than one batch takes."""
    switched_on()
    for number in range(3):
        broken = make_account(f"Broken {number}", slug=f"broken-{number}", email="x@example.com")
        type(broken).objects.filter(pk=broken.pk).update(email="no address")
        ending(7 * DAY, account=broken)
    ending(7 * DAY)

    swept = sweep()

    assert (swept.sent, swept.left) == (1, 3)


def test_a_sweep_goes_on_past_a_batch(switched_on, ending, sweep, monkeypatch):
    monkeypatch.setattr(notices, "BATCH", 2)
    switched_on()
    for _ in range(5):
        ending(7 * DAY)

    assert (sweep().sent, sweep().sent) == (5, 0)


def test_a_long_sweep_leaves_the_rest_to_another_task(
    switched_on, ending, sweep, monkeypatch, django_capture_on_commit_callbacks, clock
):
    monkeypatch.setattr(notices, "BATCH", 2)
    monkeypatch.setattr(notices, "MOST", 2)
    switched_on()
    for _ in range(5):
        ending(7 * DAY)

    with django_capture_on_commit_callbacks(execute=True):
        assert sweep().sent == 2

    assert Message.objects.count() == 5


def test_who_is_to_be_told_takes_one_query(switched_on, ending, django_assert_num_queries, at):
    policy = switched_on()
    for _ in range(3):
        ending(7 * DAY)

    with django_assert_num_queries(1):
        assert len(list(licenses_due(policy, at))) == 3


def test_the_task_sweeps(switched_on, ending, clock):
    switched_on()
    ending(7 * DAY)

    assert (task(), task()) == (1, 0)


def test_what_changed_since_it_was_found_is_judged_again(switched_on, ending, at):
    switched_on()
    row = ending(7 * DAY)
    License.objects.filter(pk=row.pk).update(expires_at=at + 100 * DAY)

    assert notice_send(license_id=row.pk, at=at, **BY) is None
    assert notice_send(license_id=404, at=at, **BY) is None


def test_a_preview_sends_nothing(ending, make_license, community, at):
    policy = policy_get()

    assert notice_preview(policy=policy, license=ending(DAY), at=at).subject.endswith("ends tomorrow")
    with pytest.raises(NoEnd):
        notice_preview(policy=policy, license=make_license(community), at=at)
    assert not Message.objects.exists()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_parallel_sweeps_tell_once(switched_on, ending, at):
    """Always true 7, with two beats at once."""
    switched_on()
    rows = [ending(7 * DAY) for _ in range(4)]
    start = Barrier(4)

    def call(_number):
        try:
            start.wait(timeout=20)
            notices_sweep(at=at, **BY)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(call, range(4)))

    assert sorted(Message.objects.values_list("license", flat=True)) == [row.pk for row in rows]
