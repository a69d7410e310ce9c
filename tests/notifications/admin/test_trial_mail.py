"""The course of a trial's mail on its page, and the nudge."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from notifications.models import DripEntry, DripStep, Message
from notifications.services.drips import drip_run
from notifications.services.suppressions import suppression_add
from tests.trials.conftest import *  # noqa: F403 - a trial to write about
from trials.services.running import trial_end, trial_sweep

pytestmark = pytest.mark.django_db

BOARD = "/admin/trials/trial/board/"
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def root(signed_in, superadmin, clock):
    return signed_in(superadmin)


def page(row, name="change"):
    return reverse(f"admin:trials_trial_{name}", args=[row.pk])


def text(answered):
    return answered.content.decode()


def course(browser, row):
    """Name, state and reason of every line."""
    sections = browser.get(page(row)).context["sections"]
    lines = next(part["course"] for section, part in sections if section.slug == "mail")
    return {line["step"]: line for line in lines}


def test_what_was_sent_leads_to_its_message(root, running, at):
    """A25: what was sent."""
    drip_run(at=at)
    line = course(root, running)["Welcome"]
    message = Message.objects.get(template="trial_welcome")
    assert line["url"] == reverse("admin:notifications_message_change", args=[message.pk])


def test_what_comes_next_says_when(root, running):
    """A25: what comes next."""
    line = course(root, running)["Help to install"]
    assert (line["when"], line["why"]) == ("2026-03-04 09:30 UTC", "Sent without a heartbeat.")


def test_why_a_step_was_skipped(root, running, at):
    """A25: and why a step was skipped."""
    DripEntry.objects.create(trial=running, step="install-help", state="skipped", reason="condition", at=at)
    DripEntry.objects.create(trial=running, step="middle", state="skipped", reason="overtaken", at=at)
    lines = course(root, running)
    assert "without a heartbeat, and that did not hold" in lines["Help to install"]["why"]
    assert "overtook it" in lines["Half way"]["why"]


def test_a_trial_that_ended_says_why_nothing_comes(root, running, at):
    trial_end(trial=running, reason="x", actor="user:1", at=at)
    assert "nothing more is mailed" in course(root, running)["A week after"]["why"]


def test_a_step_that_is_due_and_one_that_was_missed(root, running, clock, at):
    clock.set(at + timedelta(hours=48))
    assert "next run sends it" in course(root, running)["Help to install"]["why"]
    clock.set(at + timedelta(days=6))
    assert course(root, running)["Help to install"]["why"] == "Its window had passed."


def test_without_steps_the_page_says_so(root, running):
    DripStep.objects.update(enabled=False)
    assert "No step of the trial mail is set up" in text(root.get(page(running)))


def test_who_may_not_read_mail_gets_no_links(signed_in, make_user, running, clock, at):
    drip_run(at=at)
    browser = signed_in(make_user("sales"))
    assert course(browser, running)["Welcome"]["url"] == ""


def test_a_nudge_is_prefilled_and_mailed(root, running, at, superadmin):
    """A19: one-click nudge, its words by engagement."""
    trial_sweep(at=at + timedelta(hours=48))
    asked = text(root.get(page(running, "nudge")))
    assert "nothing was heard from your installation" in asked
    assert superadmin.email in asked
    root.post(page(running, "nudge"), {"words": f"Hello {NASTY}"})
    assert Message.objects.get(template="trial_nudge").recipient == running.email
    running.refresh_from_db()
    assert running.nudged_at == at


def test_a_second_nudge_of_a_day_sends_nothing_and_says_so(root, running, clock, at):
    root.post(page(running, "nudge"), {"words": "Hello"})
    clock.set(at + timedelta(hours=1))
    assert "You can write once a day" in text(root.get(page(running, "nudge")))
    assert "Nothing new was sent" in text(root.post(page(running, "nudge"), {"words": "Hi"}, follow=True))
    assert Message.objects.filter(template="trial_nudge").count() == 1


def test_a_nudge_to_who_unsubscribed_says_so_first(root, running, at):
    suppression_add(address=running.email, stream="trial", reason="manual", actor="user:1", at=at)
    assert "it is not sent" in text(root.get(page(running, "nudge")))


def test_a_nudge_needs_words(root, running):
    assert "This field is required" in text(root.post(page(running, "nudge"), {"words": ""}))
    assert not Message.objects.exists()


def test_the_board_has_a_nudge_on_each_card_and_leads_back(root, running):
    assert f"{page(running, 'nudge')}?next=" in text(root.get(BOARD))
    answered = root.post(f"{page(running, 'nudge')}?next={BOARD}", {"words": "Hello"})
    assert answered.headers["Location"] == BOARD
    assert "Nudged: just now" in text(root.get(BOARD))


def test_who_may_not_manage_has_no_nudge(signed_in, auditor, running, clock):
    """D15: trials.manage_trial."""
    browser = signed_in(auditor)
    assert page(running, "nudge") not in text(browser.get(BOARD))
    assert browser.post(page(running, "nudge"), {"words": "x"}).status_code == 403
    assert not Message.objects.exists()


def test_the_page_costs_a_fixed_number_of_queries(root, running, at, django_assert_max_num_queries):
    drip_run(at=at)
    with django_assert_max_num_queries(24):
        root.get(page(running))
