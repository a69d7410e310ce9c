"""The course of a trial by mail, on real rows."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import transaction

from config.kit.ids import uuid7
from history.models import Event, ParkedEvent
from history.services import reader_run, sequence
from licenses.domain.heartbeats import Beat
from licenses.services.heartbeats import beat_apply
from notifications.models import DripEntry, DripStep, Message
from notifications.parts import parts_unseal
from notifications.services.drips import drip_run
from notifications.services.suppressions import suppression_add
from notifications.services.trial_mail import READER, trial_nudge
from tests.trials.conftest import *  # noqa: F403 - a trial to write about
from trials.models import TrialRequest
from trials.services.events import record_request
from trials.services.requesting import request_approve, request_ask_more, request_deny
from trials.services.running import trial_convert, trial_extend, trial_revoke, trial_sweep

pytestmark = pytest.mark.django_db

BY = {"actor": "user:1"}
DAY = timedelta(days=1)


def read(at):
    """Let the reader of trial mail catch up."""
    sequence(at=at)
    reader_run(READER, at=at)


def sent() -> list[str]:
    return list(Message.objects.order_by("id").values_list("template", flat=True))


def entries() -> dict[str, str]:
    return {row.step: row.reason or row.state for row in DripEntry.objects.all()}


@pytest.fixture
def course(program, ask, at):
    """A trial whose welcome is mailed. The reader begins with the first event that follows its birth."""
    read(at)
    trial = ask(program, name="Ada Lovelace").granted.trial
    read(at)
    return trial


def test_the_license_is_in_the_mail_at_once(course):
    """A21: delivered to the requester's e-mail; A25: welcome on day 0."""
    (message,) = Message.objects.all()
    parts = parts_unseal(message.parts)
    assert (message.recipient, message.template) == ("ada@initech.example", "trial_welcome")
    assert parts.attachments[0].content.decode().strip() in parts.text
    assert entries() == {"welcome": "sent"}


def test_the_sweep_sends_the_welcome_that_the_reader_did_not(program, ask, at):
    ask(program)
    drip_run(at=at + timedelta(minutes=10))
    assert sent() == ["trial_welcome"]


def test_the_whole_course_hour_by_hour(course, at):
    """A25: every step once; 30 days and 60 after."""
    for hour in range(0, 24 * 90, 3):
        now = at + timedelta(hours=hour)
        trial_sweep(at=now)
        drip_run(at=now)
    assert sent() == [
        "trial_welcome", "trial_install_help", "trial_middle", "trial_ending", "trial_ending", "trial_expired",
        "trial_followup",
    ]  # fmt: skip


def test_three_days_without_beat_lose_nothing_and_double_nothing(course, at):
    """A25: a missed run sends what is still in its window."""
    for hour in range(0, 24 * 45, 3):
        if 24 * 22 <= hour < 24 * 25:
            continue
        trial_sweep(at=at + timedelta(hours=hour))
        drip_run(at=at + timedelta(hours=hour))
    assert sent().count("trial_ending") == 2
    assert len(sent()) == 7


def test_mail_goes_out_in_its_hours(course, at):
    DripStep.objects.filter(slug="install-help").update(zone="Asia/Tokyo", hour_from=9, hour_to=17)
    drip_run(at=at + 2 * DAY)  # 18:30 in Tokyo
    assert sent() == ["trial_welcome"]
    drip_run(at=at + 2 * DAY + timedelta(hours=14, minutes=30))  # 09:00
    assert sent() == ["trial_welcome", "trial_install_help"]


def test_an_installation_that_was_heard_needs_no_help(course, at):
    beat = Beat("install-0001", "2.4.1", "Linux", 1)
    beat_apply(license_pk=course.license_id, beat=beat, at=at + DAY)
    trial_sweep(at=at + 2 * DAY)
    drip_run(at=at + 2 * DAY)
    assert entries()["install-help"] == "condition"


@pytest.mark.parametrize("end", ["converted", "revoked"])
def test_nothing_follows_conversion_or_revocation(course, end, at):
    """A25."""
    if end == "converted":
        trial_convert(trial=course, license=None, **BY, at=at + DAY)
    else:
        trial_revoke(trial=course, reason="abuse", **BY, at=at + DAY)
    for day in range(2, 60):
        drip_run(at=at + day * DAY)
    assert sent() == ["trial_welcome"]


def test_nothing_follows_unsubscribing(course, at):
    """A25."""
    suppression_add(
        address="Ada@initech.example", reason="unsubscribe", stream="trial", actor="public:mail", at=at
    )
    for day in range(60):
        drip_run(at=at + day * DAY)
    assert sent() == ["trial_welcome"]


def test_steps_are_rows_that_staff_edit(course, at):
    """A25: steps and days."""
    DripStep.objects.filter(slug="install-help").update(offset_hours=4)
    DripStep.objects.filter(slug="middle").update(enabled=False)
    drip_run(at=at + timedelta(hours=4))
    assert sent() == ["trial_welcome", "trial_install_help"]
    drip_run(at=at + 15 * DAY)
    assert "trial_middle" not in sent()


def test_a_program_with_steps_of_its_own_uses_only_those(course, program, at):
    step = DripStep.objects.get(slug="middle")
    step.pk, step.program, step.slug, step.offset_hours = None, program, "own", 24
    step.save()
    for day in range(50):
        drip_run(at=at + day * DAY)
    assert sent() == ["trial_welcome", "trial_middle"]


def test_an_extension_brings_a_new_key(course, at):
    trial_extend(trial=course, **BY, at=at + 20 * DAY)
    read(at + 20 * DAY)
    newest = Message.objects.latest("id")
    assert (newest.template, newest.subject) == ("trial_welcome", "Your Demo trial was extended")


def test_asking_again_mails_the_license_again(course, program, ask, at):
    for _ in range(2):
        ask(program, when=at + DAY)
        read(at + DAY)
    assert sent() == ["trial_welcome", "trial_welcome"]  # once a day, however often it is asked for


def test_the_longest_address_is_mailed_again(course, program, ask, at):
    """A21: whatever a stranger types, the reader goes on."""
    long = f"{'x' * 60}@{'.'.join(['y' * 50] * 3)}.initech.example"
    for _ in range(2):
        ask(program, long, when=at)
    for _ in range(3):
        read(at)
    assert [row.recipient for row in Message.objects.all()].count(long) == 1
    assert not ParkedEvent.objects.exists()


def test_a_colleague_whom_an_operator_lets_in_gets_the_license_that_runs(make_program, signing, ask, at):
    """E21, A21: the trial of the company runs already, so the grant brings its license."""
    read(at)
    program = make_program(approval="operator")
    waiting = [ask(program, f"{name}@initech.example").request for name in ("ada", "grace")]
    for row in waiting:
        request_approve(request=row, **BY, at=at)
    read(at)
    assert sorted(Message.objects.values_list("recipient", "template")) == [
        ("ada@initech.example", "trial_welcome"),
        ("grace@initech.example", "trial_welcome"),
    ]


def test_who_has_had_the_trial_is_told_by_mail_alone(api, course, clock, at):
    """A21, E21: the answer tells a stranger nothing; the mailbox is told once a day when another is possible."""
    new = {"email": "bob@hooli.example", "product_key": "demo"}
    first = api.post("/api/v1/trials", new)
    clock.set(course.ends_at + DAY)
    trial_sweep(at=clock.at)
    for email in ("ada@initech.example", "ADA@initech.example"):
        answer = api.post("/api/v1/trials", {"email": email, "product_key": "demo"})
        assert answer.status_code == first.status_code
        assert {**answer.json(), "request": ""} == {**first.json(), "request": ""}
    read(clock.at)
    (message,) = Message.objects.filter(template="trial_used")
    text = parts_unseal(message.parts).text
    assert message.recipient == "ada@initech.example"
    row = TrialRequest.objects.get(state="refused")
    row.pk, row.uid = None, uuid7()  # asked at the same instant by another process
    with transaction.atomic():
        row.save(force_insert=True)
        record_request(
            "trial.refused", row, {"until": "2026-09-28T09:30:00Z"}, actor="public:trial", at=clock.at
        )
    read(clock.at)
    assert Message.objects.filter(template="trial_used").count() == 1
    assert "From 28 September 2026 on you can ask for another." in " ".join(text.split())
    clock.advance(DAY)
    api.post("/api/v1/trials", {"email": "ada+again@initech.example", "product_key": "demo"})
    read(clock.at)
    assert Message.objects.filter(template="trial_used").count() == 2


def test_a_storefront_is_told_at_once_and_nothing_is_mailed(api, make_key, course, clock, at):
    """E21: 409 inside the cooldown; whoever vouches for its visitor tells him itself."""
    clock.set(course.ends_at + DAY)
    trial_sweep(at=clock.at)
    body = {"email": "ada@initech.example", "product_key": "demo"}
    refused = api.as_(make_key("full-admin")).post("/api/v1/trials", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "trial_used")
    read(clock.at)
    assert sent() == ["trial_welcome"]


def test_a_code_is_mailed(make_program, signing, ask, at):
    read(at)
    request = ask(make_program(verify_address=True), trusted=False).request
    read(at)
    from trials.services.requesting import code_of

    assert Message.objects.get().subject.startswith(code_of(request))


@pytest.mark.parametrize("answer", ["denied", "more"])
def test_what_an_operator_answers_is_mailed(make_program, signing, ask, answer, at):
    read(at)
    request = ask(make_program(approval="operator")).request
    if answer == "denied":
        request_deny(request=request, reason="Not in your region.", **BY, at=at)
    else:
        request_ask_more(request=request, question="How many nodes?", **BY, at=at)
    read(at)
    message = Message.objects.get()
    assert message.template == "trial_decision"
    assert ("Not in your region." if answer == "denied" else "How many nodes?") in parts_unseal(
        message.parts
    ).text


def test_a_nudge_is_mailed_once_a_day(course, license_manager, at):
    for _ in range(2):
        trial_nudge(trial=course, words="Can we help?", sender=license_manager, **BY, at=at)
    assert sent() == ["trial_welcome", "trial_nudge"]
    assert Event.objects.filter(kind="trial.nudged").count() == 1
    assert parts_unseal(Message.objects.latest("id").parts).reply_to == license_manager.email


def test_the_command_runs_at_any_instant(course, at):
    out = StringIO()
    call_command("drip", "run", "--at", (at + 2 * DAY).isoformat(), stdout=out)
    assert out.getvalue() == "1 sent, 0 skipped, 0 failed\n"
    call_command("drip", "run", "--at", (at + 2 * DAY).isoformat(), stdout=out)
    assert sent() == ["trial_welcome", "trial_install_help"]


@pytest.mark.parametrize("instant", ["tomorrow", "2026-03-02", "2026-03-02T09:30:00"])
def test_the_command_wants_an_instant_with_its_offset(instant, db):
    with pytest.raises(SystemExit):
        call_command("drip", "run", "--at", instant)


def test_a_revoked_license_is_not_mailed(course, at):
    from notifications.errors import NothingToSend
    from notifications.services.drips import license_mail

    trial_revoke(trial=course, reason="abuse", **BY, at=at)
    course.license.refresh_from_db()
    with pytest.raises(NothingToSend):
        license_mail(trial=course, dedupe_key="x", **BY, at=at)
    assert mail.outbox is not None
