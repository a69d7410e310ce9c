"""The limit of buffered heartbeats over several processes, on a real Redis (C24)."""

from __future__ import annotations

import pytest
from django.conf import settings
from redis import Redis

from licenses.services.beat_window import Hour

pytestmark = [pytest.mark.services, pytest.mark.enable_socket]


@pytest.fixture
def carry():
    """Carry what a process counted to Redis, as a flush does."""
    redis = Redis.from_url(settings.REDIS_URL)
    redis.flushdb()

    def tell(hour: Hour) -> None:
        number, told = hour.untold()
        with redis.pipeline() as pipe:
            hour.tell(pipe, number, told)
            hour.told(number, told, pipe.execute()[-1])

    yield tell
    redis.flushdb()


@pytest.fixture(autouse=True)
def _one_hour(monkeypatch):
    monkeypatch.setattr("licenses.services.beat_window.time.time", lambda: 7200.0 + 600)


def test_processes_know_of_each_other_after_a_flush(carry):
    here, there = Hour(), Hour()
    assert [here.take("L-1", 60) for _ in range(59)] == [0] * 59
    carry(here)
    assert there.take("L-1", 60) == 0
    carry(there)
    assert there.take("L-1", 60) == 3000
    assert there.take("L-2", 60) == 0
    assert here.take("L-1", 60) == 0, "it has not heard of the other's beat yet"
    carry(here)
    assert here.take("L-1", 60) == 3000


def test_another_hour_begins_anew(carry, monkeypatch):
    hour = Hour()
    assert [hour.take("L-1", 1) for _ in range(2)] == [0, 3000]
    carry(hour)
    monkeypatch.setattr("licenses.services.beat_window.time.time", lambda: 10800.0)
    assert hour.take("L-1", 1) == 0


def test_sums_of_an_hour_that_is_over_change_nothing(monkeypatch):
    hour = Hour()
    hour.take("L-1", 60)
    number, told = hour.untold()
    monkeypatch.setattr("licenses.services.beat_window.time.time", lambda: 10800.0)
    hour.take("L-1", 60)
    hour.told(number, told, [60])
    assert hour.take("L-1", 60) == 0
