"""Lanes: one at a time for a key, different keys side by side."""

from __future__ import annotations

import threading

import pytest

from config.kit.lanes import Lanes

LONG = 30
"""Seconds that no test waits: by then something is wrong."""


@pytest.fixture
def gate():
    """Opens at the end of a test whatever hangs at it."""
    event = threading.Event()
    yield event
    event.set()


def test_a_key_that_hangs_holds_no_other_up(gate):
    """C31: a slow one delays nobody."""
    done = threading.Event()
    lanes = Lanes(lambda key: gate.wait(LONG) if key == 1 else done.set(), width=2)
    lanes.start(1)
    lanes.start(2)
    assert done.wait(LONG)


def test_a_key_is_never_worked_on_twice_at_once(gate):
    under_way, most = [], []
    lock = threading.Lock()

    def work(key):
        with lock:
            under_way.append(key)
            most.append(under_way.count(key))
        gate.wait(LONG)
        with lock:
            under_way.remove(key)

    lanes = Lanes(work, width=4)
    for _ in range(10):
        lanes.start(1)
    gate.set()
    assert lanes.rest(seconds=LONG)
    assert max(most) == 1


def test_a_key_that_is_started_while_it_runs_runs_once_more(gate):
    """What was written after the last look would otherwise wait for the next sweep."""
    began, runs = threading.Event(), []

    def work(key):
        runs.append(key)
        began.set()
        gate.wait(LONG)

    lanes = Lanes(work, width=1)
    lanes.start(1)
    assert began.wait(LONG)
    for _ in range(3):
        lanes.start(1)
    gate.set()
    assert lanes.rest(seconds=LONG)
    assert runs == [1, 1]


def test_no_more_threads_than_its_width(gate):
    most, names = [], set()

    def work(key):
        names.add(threading.current_thread().name)
        most.append(key)
        gate.wait(LONG)

    lanes = Lanes(work, width=2)
    for key in range(6):
        lanes.start(key)
    gate.set()
    assert lanes.rest(seconds=LONG)
    assert (sorted(most), len(names) <= 2) == (list(range(6)), True)


def test_work_that_breaks_ends_neither_its_lane_nor_the_others():
    done = []

    def work(key):
        if key == 1:
            raise RuntimeError("the database is gone")
        done.append(key)

    lanes = Lanes(work, width=1)
    for key in (1, 2, 1, 3):
        lanes.start(key)
    assert lanes.rest(seconds=LONG)
    lanes.start(4)
    assert lanes.rest(seconds=LONG)
    assert done == [2, 3, 4]


def test_stopping_waits_for_what_is_under_way_and_takes_nothing_new(gate):
    began, done = threading.Event(), []

    def work(key):
        began.set()
        gate.wait(LONG)
        done.append(key)

    lanes = Lanes(work, width=1)
    lanes.start(1)
    lanes.start(2)
    assert began.wait(LONG)
    assert not lanes.stop(seconds=0)
    gate.set()
    assert lanes.stop(seconds=LONG)
    lanes.start(3)
    assert (done, lanes.stopped) == ([1], True)


def test_threads_end_when_nothing_is_left():
    seen = []
    lanes = Lanes(lambda key: seen.append(threading.current_thread()), width=1)
    lanes.start(1)
    assert lanes.rest(seconds=LONG)
    seen[0].join(LONG)
    assert not seen[0].is_alive()
