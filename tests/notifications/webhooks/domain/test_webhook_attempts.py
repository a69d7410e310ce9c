"""What becomes of a delivery after each attempt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.domain.webhook_attempts import (
    ATTEMPTS,
    DELAYS,
    JITTER,
    LONGEST_WAIT,
    Answer,
    Decision,
    Outcome,
    decide,
    is_worn_out,
    wait_asked,
)

FAILED = Answer(status=500)


def wait(at, made, answer=FAILED, seed="1"):
    return decide(answer, made=made, seed=seed, at=at).due_at - at


def test_the_schedule_is_that_of_standard_webhooks():
    """C31: immediately, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h."""
    assert [delay.total_seconds() for delay in DELAYS] == [
        0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400,
    ]  # fmt: skip


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_status_of_success_delivers(status, at):
    """C31"""
    assert decide(Answer(status=status), made=1, seed="1", at=at) == Decision(Outcome.DELIVERED)


@pytest.mark.parametrize("status", [None, 100, 199, 300, 301, 400, 401, 404, 429, 500, 503])
def test_everything_else_is_tried_again(status, at):
    """C31: a redirect, too."""
    assert decide(Answer(status=status), made=1, seed="1", at=at).outcome is Outcome.AGAIN


@pytest.mark.parametrize("made", range(1, ATTEMPTS))
def test_a_failed_attempt_waits_for_its_delay_and_a_little_longer(made, at):
    """C31: jitter"""
    waits = {wait(at, made, seed=str(seed)) for seed in range(50)}
    assert min(waits) >= DELAYS[made]
    assert max(waits) <= DELAYS[made] * (1 + JITTER)
    assert len(waits) > 25


def test_the_tenth_failure_is_the_last(at):
    """C31: after 10 attempts a dead letter."""
    assert decide(FAILED, made=9, seed="1", at=at).outcome is Outcome.AGAIN
    assert decide(FAILED, made=10, seed="1", at=at) == Decision(Outcome.DEAD)


def test_gone_is_gone_at_the_first_attempt(at):
    assert decide(Answer(status=410), made=1, seed="1", at=at) == Decision(Outcome.GONE)


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_that_asks_to_wait_is_waited_for(status, at):
    assert wait(at, 1, Answer(status=status, retry_after="3600")) == timedelta(hours=1)


def test_it_never_shortens_the_schedule(at):
    assert wait(at, 4, Answer(status=503, retry_after="1")) >= DELAYS[4]


def test_no_other_status_may_ask_to_wait(at):
    assert wait(at, 1, Answer(status=500, retry_after="3600")) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("999999999999999999999", LONGEST_WAIT.total_seconds()),
        ("Mon, 02 Mar 2026 09:32:00 GMT", 120),
        ("Mon, 02 Mar 2026 09:00:00 GMT", 0),
        ("Fri, 31 Dec 2999 23:59:59 GMT", LONGEST_WAIT.total_seconds()),
        ("-5", 0),
        ("soon", 0),
        ("", 0),
        ("1e3", 0),
        ("\u0665", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_bounds(text, seconds, at):
    """RFC 9110 §10.2.3"""
    assert wait_asked(text, at=at).total_seconds() == seconds


@given(st.text(max_size=60))
def test_no_text_in_retry_after_breaks_it(text):
    at = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert timedelta(0) <= wait_asked(text, at=at) <= LONGEST_WAIT


def test_five_days_of_failure_are_enough(at):
    assert not is_worn_out(None, at=at)
    assert not is_worn_out(at - timedelta(days=5) + timedelta(seconds=1), at=at)
    assert is_worn_out(at - timedelta(days=5), at=at)
