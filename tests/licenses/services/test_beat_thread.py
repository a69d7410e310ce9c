"""The thread that carries buffered heartbeats to Redis, without a Redis."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from redis.exceptions import ConnectionError as RedisGone

from licenses.services import beat_buffer as buffering


@pytest.fixture
def down(monkeypatch):
    """Redis is out; returns whom to tell that it is back. The thread looks again after hundredths of a second."""

    def gone():
        raise RedisGone("down")

    monkeypatch.setattr(buffering, "client", gone)
    monkeypatch.setattr(buffering, "GATHER_SECONDS", 0.01)
    monkeypatch.setattr(buffering, "IDLE_ROUNDS", 2)
    monkeypatch.setattr(buffering, "wake", lambda *_, **__: None)
    buffering.forget()
    yield lambda flush: monkeypatch.setattr(buffering, "beats_flush", flush)
    buffering.forget()


def until(true) -> bool:
    return any(true() or time.sleep(0.01) for _ in range(500))


def test_the_thread_stays_while_something_waits(down):
    """A17: a beat that comes alone is carried once Redis is back, without a further one."""
    gathering = buffering._gathering
    assert gathering.add("one")
    time.sleep(0.2)  # many times the rounds without a beat
    assert gathering.entries == ["one"]
    carried: list[str] = []
    down(lambda: carried.extend(taken := gathering.take()) or len(taken))
    assert until(lambda: carried == ["one"])
    assert until(lambda: gathering.thread is None)


STOPPED = """
import django
django.setup()
from licenses.services import beat_buffer
class Client:
    def pipeline(self, **_): return self
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def xadd(self, _stream, fields): print("kept", fields["b"])
    def eval(self, *_): pass
    def execute(self): return [b"1", []]
beat_buffer.client = Client
beat_buffer.GATHER_SECONDS = 60
beat_buffer._gathering.add("1")
"""


def test_a_process_that_is_told_to_stop_keeps_what_it_gathered():
    """A17."""
    environment = {"DJANGO_SETTINGS_MODULE": "config.settings_test", "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        [sys.executable, "-c", STOPPED], env=environment, check=True, capture_output=True, text=True
    )
    assert "kept [1]" in ended.stdout
