from __future__ import annotations

import pytest
from celery import current_app

import history.tasks  # noqa: F401 - a worker imports every app's tasks, a test has to ask
from history.models import Checkpoint, Entry, Reader
from history.schedule import BEAT
from history.services import reader_register
from history.services.feed import reader_unregister

pytestmark = pytest.mark.django_db(transaction=True)


def run(name, *arguments):
    return current_app.tasks[name].apply(args=arguments, throw=True).get()


def test_every_scheduled_task_exists_and_may_run_at_any_time():
    for entry in BEAT.values():
        run(entry["task"])
        run(entry["task"])
        assert entry["schedule"] > 0


def test_an_event_is_sequenced_signed_and_read_without_anybody_asking(happen):
    seen = []
    reader_register("seeing", lambda event, *, at: seen.append(event.entry.position))
    try:
        happen(3)
        for entry in BEAT.values():
            run(entry["task"])
    finally:
        reader_unregister("seeing")
    assert Entry.objects.count() >= 3
    assert Checkpoint.objects.exists()
    assert seen[:3] == [0, 1, 2]
    assert Reader.objects.get(name="seeing").position == len(seen)
