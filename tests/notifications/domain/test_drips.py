from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifications import default_steps
from notifications.domain.drips import Anchor, Condition, Course, Step, Verdict, decide, due_at

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
END = START + timedelta(days=30)
COURSE = Course(START, START + timedelta(days=15), END)
DAY = timedelta(days=1)


def step(slug: str, anchor: str = "started", hours: float = 0, **fields) -> Step:
    given = {
        "window": 3 * DAY,
        "condition": Condition.ALWAYS,
        "hour_from": 0,
        "hour_to": 24,
        "zone": ZoneInfo("UTC"),
    }
    return Step(slug, Anchor(anchor), timedelta(hours=hours), **{**given, **fields})


WELCOME = step("welcome", window=30 * DAY, vital=True)
HELP = step("help", hours=48, condition=Condition.NO_BEAT)
MIDDLE = step("middle", "middle", condition=Condition.RUNNING)
WEEK = step("week", "ends", -7 * 24, condition=Condition.RUNNING)
DAYS = step("days", "ends", -3 * 24, condition=Condition.RUNNING)
EXPIRED = step("expired", "ends", condition=Condition.ENDED)
AFTER = step("after", "ends", 7 * 24, condition=Condition.ENDED)
STEPS = (WELCOME, HELP, MIDDLE, WEEK, DAYS, EXPIRED, AFTER)


def sent(course: Course, now: datetime, *, done=(), steps=STEPS) -> list[str]:
    return [d.step.slug for d in decide(steps, course, done, now) if d.verdict is Verdict.SEND]


def reasons(course: Course, now: datetime, *, done=(), steps=STEPS) -> dict[str, str]:
    return {d.step.slug: d.reason for d in decide(steps, course, done, now) if d.verdict is Verdict.SKIP}


@pytest.mark.parametrize(
    ("after", "slug"),
    [(0, "welcome"), (2, "help"), (15, "middle"), (23, "week"), (27, "days"), (30, "expired"), (37, "after")],
)
def test_each_step_has_its_day(after, slug):
    """A25: welcome, install help, mid-trial, seven and three days before the end, expired, follow-up."""
    done = {other.slug for other in STEPS} - {slug}
    course = replace(COURSE, outcome="expired") if after >= 30 else COURSE
    assert sent(course, START + after * DAY, done=done) == [slug]
    assert sent(course, START + after * DAY - timedelta(seconds=1), done=done) == []


def test_help_is_for_those_who_were_never_heard():
    """A25: install help at 48 h without a heartbeat."""
    assert reasons(replace(COURSE, heard=True), START + 2 * DAY, done={"welcome"}) == {"help": "condition"}


@pytest.mark.parametrize(
    ("outcome", "reason"), [("converted", "converted"), ("revoked", "revoked"), ("lost", "ended")]
)
def test_a_trial_that_ended_otherwise_gets_no_more_mail(outcome, reason):
    """A25: none after revocation or conversion."""
    course = replace(COURSE, outcome=outcome)
    assert sent(course, START + 23 * DAY) == []
    assert set(reasons(course, START + 23 * DAY).values()) == {reason}


def test_who_unsubscribed_still_gets_the_license():
    """A25: none after unsubscribing; what was asked for is owed."""
    course = replace(COURSE, silenced=True)
    assert sent(course, START) == ["welcome"]
    assert reasons(course, START + 15 * DAY)["middle"] == "unsubscribed"


def test_what_is_not_due_yet_waits_for_who_unsubscribed_too():
    """A25: he may come back before; one run does not write the whole course off."""
    course = replace(COURSE, silenced=True)
    assert reasons(course, START + 3 * DAY, done={"welcome"}) == {"help": "unsubscribed"}


def test_a_run_that_was_missed_sends_what_is_still_in_its_window():
    """A25."""
    assert sent(COURSE, START + 2 * DAY + timedelta(hours=71), done={"welcome"}) == ["help"]
    assert reasons(COURSE, START + 5 * DAY, done={"welcome"}) == {"help": "missed"}


def test_a_later_step_overtakes_the_earlier_ones():
    """A25: a missed run skips what a later step has overtaken; the license is never overtaken."""
    wide = tuple(replace(item, window=60 * DAY) for item in STEPS)
    now = START + 24 * DAY
    assert sent(COURSE, now, steps=wide) == ["welcome", "week"]
    assert reasons(COURSE, now, steps=wide) == {"help": "overtaken", "middle": "overtaken"}


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Apia"]
)
@given(minute=st.integers(0, 366 * 24 * 60))
@settings(max_examples=60)
def test_mail_goes_out_in_its_hours(zone, minute):
    """The send window of every zone, over all changes of the clock."""
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    course = Course(start, start + 15 * DAY, start + 30 * DAY)
    item = step("x", hour_from=8, hour_to=18, zone=ZoneInfo(zone))
    when = due_at(item, course)
    assert start <= when <= start + timedelta(hours=17)
    assert 8 <= when.astimezone(ZoneInfo(zone)).hour < 18


@given(
    st.lists(st.integers(0, 24 * 75), min_size=1, max_size=80),
    st.sampled_from(["", "converted", "revoked"]),
    st.integers(0, 24 * 60),
)
def test_nothing_is_sent_twice_and_nothing_is_sent_after_the_end_of_the_story(hours, outcome, since):
    """A25: runs at any instants, some missed; at most once a step, the license always."""
    done: set[str] = set()
    all_sent: list[str] = []
    for hour in sorted(hours):
        now = START + timedelta(hours=hour)
        ended = "expired" if now >= END else ""
        course = replace(COURSE, outcome=outcome if outcome and hour >= since else ended)
        for decision in list(decide(STEPS, course, done, now)):
            if decision.verdict is Verdict.WAIT:
                continue
            done.add(decision.step.slug)
            if decision.verdict is Verdict.SEND:
                assert course.outcome in {"", "expired"}
                all_sent.append(decision.step.slug)
    assert len(all_sent) == len(set(all_sent))
    if not outcome and min(hours) < 24 * 30:
        assert "welcome" in all_sent


def test_every_hour_of_a_trial_sends_every_step_once():
    """The whole 30 days and 60 after, hour by hour."""
    done: set[str] = set()
    order: list[str] = []
    for hour in range(24 * 90):
        now = START + timedelta(hours=hour)
        course = replace(COURSE, outcome="expired" if now >= END else "")
        for decision in list(decide(STEPS, course, done, now)):
            if decision.verdict is Verdict.SEND:
                order.append(decision.step.slug)
            if decision.verdict is not Verdict.WAIT:
                done.add(decision.step.slug)
    assert order == [item.slug for item in STEPS]


def course_of_defaults() -> tuple[Step, ...]:
    return tuple(
        step(
            slug, anchor, hours, window=timedelta(hours=window), condition=Condition(condition), hour_from=8,
            hour_to=18,
        )
        for slug, _name, anchor, hours, window, condition, _template in default_steps.STEPS
    )  # fmt: skip


@pytest.mark.parametrize("born", [0, 4.5, 9, 13.5, 20])
def test_no_outage_of_three_days_loses_a_mail(born):
    """A25: the steps as they come, an outage at every hour, trials that begin at odd hours of the day.

    What speaks of an end to come has lost its sense after it, and a later step overtakes an earlier one;
    nothing is too late by the clock alone.
    """
    steps, start = course_of_defaults(), START + timedelta(hours=born)
    running = Course(start, start + 15 * DAY, start + 30 * DAY)
    over = replace(running, outcome="expired")
    known = sorted(due_at(item, running) for item in steps)
    for outage in range(24 * 40):
        down, up = start + timedelta(hours=outage), start + timedelta(hours=outage + 72)
        done = _run_at((when for when in known if when < down), steps, running, over)
        for decision in decide(steps, over if up >= running.ends_at else running, done, up):
            if decision.verdict is Verdict.SKIP:
                assert decision.reason in {"overtaken", "condition"}, (outage, decision)
                assert decision.reason == "overtaken" or up >= running.ends_at


def _run_at(instants, steps, running: Course, over: Course) -> set[str]:
    """What is done when a run came at each of these instants."""
    done: set[str] = set()
    for when in instants:
        course = over if when >= running.ends_at else running
        done |= {d.step.slug for d in decide(steps, course, done, when) if d.verdict is not Verdict.WAIT}
    return done
