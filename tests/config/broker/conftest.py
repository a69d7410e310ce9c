"""A broker file of its own for each test, and ways to be another process."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from kombu import Connection

import config.broker
from config.broker import store as stores


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "broker.sqlite3"


@pytest.fixture
def store(path):
    yield stores.store_at(path, retention=1000.0, max_length=5)
    stores.close_all()


@pytest.fixture
def connection(path):
    options = {
        "path": str(path),
        "polling_interval": 0.01,
        "temporary_queue_length": 5,
        "sweep_interval": 0.0,
    }
    with Connection(config.broker.URL, transport_options=options) as opened:
        yield opened
    stores.close_all()


@pytest.fixture
def forked():
    """The context manager `in_another_process`."""
    return in_another_process


@contextmanager
def in_another_process(work: Callable[[], None]) -> Iterator[int]:
    """Do `work` in a forked process, which then stays until the block ends and is killed.

    What it opened is still open when SIGKILL hits, as with a worker that dies mid-task.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # From 3.12: a fork beside threads, which pytest-xdist has. The child touches nothing of theirs.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            work()
            os.write(writing, b"1")
            time.sleep(60)
        finally:
            os._exit(1)
    os.close(writing)
    try:
        assert os.read(reading, 1), "the other process failed"
        yield child
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
