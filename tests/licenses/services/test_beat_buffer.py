"""Buffered heartbeats on a real Redis: the same rows as the direct way, each beat once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings
from redis import Redis
from redis.exceptions import ConnectionError as RedisGone

from history.models import Event
from licenses.domain.heartbeats import Beat, Signal
from licenses.models import BeatCursor, Installation, InstallationDay, License
from licenses.services import beat_buffer as buffering
from licenses.services.beat_buffer import STREAM, beat_buffer, beats_drain, beats_flush
from licenses.services.heartbeats import beat_receive, speaker_of

pytestmark = [pytest.mark.services, pytest.mark.enable_socket, pytest.mark.django_db]

SIGNAL = Signal("signal-0001", "denied", "seats_exhausted", 10, 11)


@pytest.fixture(autouse=True)
def _own_thread(monkeypatch):
    """Beats are carried by the test's own hand: the thread would come at any moment."""
    monkeypatch.setattr(buffering._Gathering, "_carry", lambda self: None)
    buffering.forget()
    yield
    buffering.forget()


@pytest.fixture
def redis():
    return Redis.from_url(settings.REDIS_URL)


@pytest.fixture
def speaker(granted, at):
    return speaker_of(granted.issued.text, at=at)


def story(prefix: str):
    """Two installations over ten days: versions, nodes over the cap of 4, a signal said twice."""
    for hour in range(0, 240, 6):
        nodes = 6 if hour >= 48 else 2
        version = "2.5.0" if hour >= 120 else "2.4.1"
        signals = (SIGNAL,) if hour in {60, 66} else ()
        yield hour, Beat(f"{prefix}-the-first", version, "Linux 6.1", nodes, None, 3, signals)
        yield hour, Beat(f"{prefix}-the-other", "2.4.1", "Linux 6.1", 1)


def kept(prefix: str):
    rows = Installation.objects.filter(install_id__startswith=prefix).order_by("install_id")
    names = ("version", "nodes", "seats_used", "beats", "first_seen_at", "last_seen_at")
    days = InstallationDay.objects.filter(installation__in=rows).order_by("installation__install_id", "day")
    return (
        list(rows.values_list(*names)),
        list(days.values_list("day", "beats", "nodes_max", "seats_max", "version")),
        list(rows.values_list("episodes__state", "episodes__nodes_max", "episodes__started_at")),
    )


def test_buffered_beats_leave_what_direct_ones_leave(speaker, at):
    """A17: the same results either way, down to the episode and the day."""
    for hour, beat in story("direct"):
        beat_receive(speaker=speaker, beat=beat, at=at + timedelta(hours=hour))
    direct = Event.objects.count()
    for hour, beat in story("buffer"):
        beat_buffer(speaker=speaker, beat=beat, at=at + timedelta(hours=hour))
        if hour % 60 == 0:
            beats_flush()
            beats_drain()
    beats_flush()
    beats_drain()
    assert kept("buffer") == kept("direct")
    events = Event.objects.order_by("id").values_list("kind", flat=True)
    told = [kind for kind in events if not kind.startswith("license.")]
    assert sorted(told[-5:]) == sorted(told[-10:-5])
    assert Event.objects.count() > direct


def test_the_answers_agree(speaker, at):
    for hour, beat in story("answer"):
        moment = at + timedelta(hours=hour)
        buffering.forget()  # what is known for some seconds would be known for ever to a clock that stands
        direct = beat_receive(speaker=speaker, beat=beat, at=moment).to_dict()
        assert beat_buffer(speaker=speaker, beat=beat, at=moment).to_dict() == direct


def test_a_crash_between_commit_and_trim_counts_nothing_twice(speaker, at, redis, monkeypatch):
    beat_buffer(speaker=speaker, beat=Beat("install-0001", "2.4.1", "Linux", 1), at=at)
    beats_flush()
    entries = redis.xrange(STREAM)
    assert beats_drain() == 1
    for entry_id, fields in entries:  # as if the trim had not happened
        redis.delete(STREAM)
        redis.xadd(STREAM, fields, id=entry_id)
    assert beats_drain() == 0
    assert Installation.objects.get().beats == 1


def test_a_crash_before_the_commit_loses_nothing(speaker, at, redis, monkeypatch):
    beat_buffer(speaker=speaker, beat=Beat("install-0001", "2.4.1", "Linux", 1), at=at)
    beats_flush()
    with monkeypatch.context() as patch:
        patch.setattr(BeatCursor, "save", lambda self, **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            beats_drain()
    assert not Installation.objects.exists()
    assert beats_drain() == 1
    assert Installation.objects.get().beats == 1


def test_what_redis_does_not_take_waits(speaker, at, monkeypatch):
    beat_buffer(speaker=speaker, beat=Beat("install-0001", "2.4.1", "Linux", 1), at=at)

    def gone():
        raise RedisGone("down")

    with monkeypatch.context() as patch:
        patch.setattr(buffering, "client", gone)
        assert beats_flush() == 0
    assert (beats_flush(), beats_drain()) == (1, 1)


def test_a_full_buffer_goes_the_direct_way(speaker, at, monkeypatch):
    monkeypatch.setattr(buffering, "MOST_GATHERED", 0)
    beat_buffer(speaker=speaker, beat=Beat("install-0001", "2.4.1", "Linux", 1), at=at)
    assert Installation.objects.get().beats == 1


def test_an_entry_that_nobody_can_read_stops_nothing(speaker, at, redis):
    redis.xadd(STREAM, {"b": "{"})
    redis.xadd(STREAM, {"other": "thing"})
    beat_buffer(speaker=speaker, beat=Beat("install-0001", "2.4.1", "Linux", 1), at=at)
    beats_flush()
    assert beats_drain() == 3
    assert Installation.objects.get().beats == 1


def test_the_stream_is_trimmed(speaker, at, redis):
    for number in range(20):
        beat_buffer(speaker=speaker, beat=Beat(f"install-{number:04}", "2.4.1", "Linux", 1), at=at)
    assert beats_flush() == 20
    assert beats_drain() == 20
    assert redis.xlen(STREAM) <= 1  # the last one that was applied may stay
    assert Installation.objects.count() == 20


BODY = {"install_id": "install-0001", "version": "2.4.1", "os": "Linux 6.1", "nodes": 1}


@pytest.fixture
def send(api, granted, settings):
    """Send a beat over HTTP to a server that buffers; gives the answer."""
    settings.HEARTBEAT_BUFFER = True
    installed = api.as_(granted.issued.text)
    return lambda **members: installed.post("/api/v1/heartbeats", {**BODY, **members})


def test_what_is_said_again_counts_again_and_is_answered_alike(send, clock):
    first, again = send(), send()
    assert (again.status_code, again.json()) == (200, first.json())
    beats_flush()
    assert beats_drain() == 2
    assert Installation.objects.get().beats == 2


def test_another_word_is_another_beat(send):
    send()
    assert send(nodes=3).json()["node_cap"] == {"cap": 4, "nodes": 3, "state": "within"}
    beats_flush()
    beats_drain()
    assert (Installation.objects.get().beats, Installation.objects.get().nodes) == (2, 3)


def test_an_answer_is_not_remembered_past_the_instant_at_which_it_changes(send, clock, granted):
    clock.set(granted.license.expires_at - timedelta(seconds=2))
    assert send().json()["expired"] is False
    clock.advance(timedelta(seconds=3))
    assert send().json()["expired"] is True


def test_a_license_suspended_meanwhile_is_told_soon(send, clock, granted):
    assert send().json()["status"] == "active"
    License.objects.filter(pk=granted.license.pk).update(status="suspended")
    clock.advance(buffering.FACTS_FOR)
    assert send().json()["status"] == "suspended"


def test_the_limit_of_an_hour_holds_for_what_is_said_again(send):
    """C24: 60 an hour for each license, however little a beat costs."""
    assert [send().status_code for _ in range(61)] == [200] * 60 + [429]
    assert send(install_id="install-0002").status_code == 429


KILLED = """
import django, os, signal; django.setup()
from datetime import UTC, datetime, timedelta
from licenses.services.beat_buffer import Again, beats_flush
at = datetime(2030, 1, 1, tzinfo=UTC)
said = Again("L-1", b"", 1, "{}", at, at + timedelta(days=1))
for _ in range(700): assert said.keep(at)
beats_flush()
for _ in range(5): assert said.keep(at)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.stress
def test_a_killed_process_loses_one_flush_at_most(redis):
    redis.delete(STREAM)
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}
    environment |= {"SIGNET_REDIS_URL": settings.REDIS_URL, "DJANGO_SETTINGS_MODULE": "config.settings_test"}
    ended = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    kept = sum(len(json.loads(fields[b"b"])) for _, fields in redis.xrange(STREAM))
    redis.delete(STREAM)
    assert 700 <= kept <= 705
