"""The beat's sign of life."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from config import celery, heartbeat, tasks
from config.kit.clock import frozen
from config.models import Heartbeat

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def test_beat_has_no_age_before_the_first_tick():
    assert heartbeat.beat_age(at=AT) is None


def test_a_tick_tells_how_long_ago_it_ran():
    with frozen(AT):
        tasks.beat_tick()
    assert heartbeat.beat_age(at=AT + timedelta(seconds=90)) == timedelta(seconds=90)


def test_ticks_keep_one_row():
    for seconds in range(3):
        heartbeat.beat_record(at=AT + timedelta(seconds=seconds))
    assert [row.at for row in Heartbeat.objects.all()] == [AT + timedelta(seconds=2)]


def test_a_late_tick_never_turns_the_time_back():
    heartbeat.beat_record(at=AT)
    heartbeat.beat_record(at=AT - timedelta(minutes=5))
    assert heartbeat.beat_age(at=AT) == timedelta()


def test_a_clock_that_is_behind_gives_no_negative_age():
    heartbeat.beat_record(at=AT)
    assert heartbeat.beat_age(at=AT - timedelta(seconds=1)) == timedelta()


def test_beat_sends_the_tick_and_a_worker_knows_it():
    entry = celery.schedule()["config.beat_tick"]
    assert entry["task"] in celery.app.tasks
    assert entry["schedule"] <= heartbeat.LATE.total_seconds() / 3
