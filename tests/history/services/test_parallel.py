"""What only real transactions side by side can prove."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import close_old_connections, connection, transaction

import history.tasks  # noqa: F401 - a commit runs them at once in tests
from history.domain.kinds import Kind
from history.models import Checkpoint, Entry, Event, Reader
from history.services import checkpoint, reader_register, reader_run, record, sequence, verify
from history.services.feed import reader_unregister

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def side_by_side():
    """Runs functions at once, each with a connection of its own; returns their results."""

    def run(*functions):
        start = threading.Barrier(len(functions))

        def call(function):
            try:
                start.wait(timeout=10)
                return function()
            finally:
                connection.close()

        with ThreadPoolExecutor(len(functions)) as pool:
            return [future.result(timeout=60) for future in [pool.submit(call, f) for f in functions]]

    yield run
    close_old_connections()


def recorder(at, worker, count):
    def write():
        for number in range(count):
            with transaction.atomic():
                record(
                    kind=Kind.LICENSE_ISSUED,
                    subject=f"license:L-{worker}-{number}",
                    actor="user:1",
                    data={},
                    at=at,
                )

    return write


def repeat(function, times):
    return lambda: [function() for _ in range(times)]


def test_parallel_sequencing_gives_each_event_one_place_without_gaps(at, side_by_side):
    writers = [recorder(at, worker, 30) for worker in range(6)]
    side_by_side(*writers, *[repeat(lambda: sequence(at=at), 20)] * 3)
    sequence(at=at)
    events = Event.objects.count()
    assert events >= 180
    assert list(Entry.objects.order_by("position").values_list("position", flat=True)) == list(range(events))
    assert verify().ok


def test_checkpoints_made_while_the_tree_grows_all_hold(at, side_by_side):
    writers = [recorder(at, worker, 30) for worker in range(3)]
    growing = repeat(lambda: (sequence(at=at), checkpoint(at=at)), 15)
    side_by_side(*writers, growing, growing)
    result = verify()
    assert result.ok
    assert result.checkpoints == Checkpoint.objects.count() > 1


def test_the_event_of_a_transaction_that_commits_late_is_not_lost(at, side_by_side):
    recorded, others = threading.Event(), threading.Event()

    def slow():
        with transaction.atomic():
            event = record(kind=Kind.LICENSE_ISSUED, subject="license:slow", actor="user:1", data={}, at=at)
            recorded.set()
            assert others.wait(timeout=20)
        return event.pk

    def quick():
        assert recorded.wait(timeout=20)
        recorder(at, "quick", 5)()
        sequence(at=at)
        others.set()

    slow_id, _ = side_by_side(slow, quick)
    assert Entry.objects.filter(event_id__gt=slow_id).exists()
    sequence(at=at)
    assert Entry.objects.get(event_id=slow_id).position >= 5
    assert verify().ok


def test_two_workers_of_one_reader_handle_each_event_once(at, side_by_side):
    recorder(at, "one", 40)()
    sequence(at=at)

    def handle(event, *, at):
        Reader.objects.create(name=f"saw-{event.entry.position}", moved_at=at)  # twice would collide

    reader_register("twins", handle)
    try:
        side_by_side(*[repeat(lambda: reader_run("twins", at=at), 5)] * 4)
    finally:
        reader_unregister("twins")
    size = Entry.objects.count()
    assert Reader.objects.filter(name__startswith="saw-").count() == size
    assert Reader.objects.get(name="twins").position == size


def test_a_rolled_back_event_never_gets_a_place(at, side_by_side):
    def give_up():
        with transaction.atomic():
            record(kind=Kind.LICENSE_ISSUED, subject="license:gone", actor="user:1", data={}, at=at)
            transaction.set_rollback(True)

    side_by_side(give_up, recorder(at, "kept", 5), repeat(lambda: sequence(at=at), 5))
    sequence(at=at)
    assert not Event.objects.filter(subject="license:gone").exists()
    assert verify().ok
