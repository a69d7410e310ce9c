"""When a mail that could not be handed over is tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from notifications.domain.retrying import CLAIM, DELAYS, next_try

MINUTES = [1, 5, 15, 60, 240, 720]


@pytest.mark.parametrize(("attempts", "minutes"), list(enumerate(MINUTES, start=1)))
def test_each_failure_waits_longer_than_the_one_before(at, attempts, minutes):
    assert next_try(attempts, at=at, jitter=0) == at + timedelta(minutes=minutes)


def test_after_the_last_delay_it_is_given_up(at):
    assert next_try(len(DELAYS) + 1, at=at, jitter=0) is None


def test_jitter_adds_up_to_a_quarter_and_takes_nothing(at):
    """What failed together does not come back together."""
    assert next_try(4, at=at, jitter=1) == at + timedelta(minutes=75)
    assert next_try(4, at=at, jitter=0) == at + timedelta(minutes=60)


def test_a_claim_outlives_the_task_that_holds_it():
    from notifications.tasks.mail import send_message

    assert timedelta(seconds=send_message.time_limit) < CLAIM
