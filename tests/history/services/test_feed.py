from __future__ import annotations

import pytest
from django.core.management.sql import emit_post_migrate_signal
from django.db import DEFAULT_DB_ALIAS

from config.kit.errors import Conflict, NotFound
from history.domain.kinds import Kind
from history.models import Event, ParkedEvent, Reader
from history.services import parked_rerun, reader_register, reader_run, sequence
from history.services.feed import ATTEMPTS, RerunFailed, reader_unregister, readers_behind

pytestmark = pytest.mark.django_db


class Diary:
    """A reader that writes down the positions it saw, and fails on those it is told to."""

    def __init__(self):
        self.seen = []
        self.poison = set()

    def __call__(self, event, *, at):
        Reader.objects.get_or_create(name=f"saw-{event.entry.position}", defaults={"moved_at": at})
        if event.entry.position in self.poison:
            raise RuntimeError("this event is poison")
        self.seen.append(event.entry.position)

    @property
    def kept(self):
        """What it wrote into the database, and was not rolled back."""
        return sorted(Reader.objects.filter(name__startswith="saw-").values_list("name", flat=True))


@pytest.fixture
def diary():
    diary = Diary()
    reader_register("diary", diary)
    yield diary
    reader_unregister("diary")


@pytest.fixture
def happened(at, happen):
    def happened(count, **facts):
        happen(count, **facts)
        sequence(at=at)

    return happened


def test_a_reader_sees_each_event_once_in_order(at, diary, happened):
    happened(5)
    assert reader_run("diary", at=at) == 5
    happened(2)
    assert reader_run("diary", at=at) == 2
    assert reader_run("diary", at=at) == 0
    assert diary.seen == list(range(7))


def test_a_limit_is_kept(at, diary, happened):
    happened(5)
    assert reader_run("diary", at=at, limit=2) == 2
    assert diary.seen == [0, 1]


def test_an_event_that_has_no_position_yet_is_not_read(at, diary, happen):
    happen(3)
    assert reader_run("diary", at=at) == 0


def test_a_failed_event_leaves_nothing_and_is_tried_again(at, diary, happened):
    happened(3)
    diary.poison = {1}
    assert reader_run("diary", at=at) == 1
    assert diary.kept == ["saw-0"]
    assert Reader.objects.get(name="diary").attempts == 1
    assert "poison" in Reader.objects.get(name="diary").error
    diary.poison = set()
    reader_run("diary", at=at)
    assert diary.seen == [0, 1, 2]
    assert Reader.objects.get(name="diary").error == ""


def park(diary, at, position):
    diary.poison = {position}
    for _ in range(ATTEMPTS):
        reader_run("diary", at=at)
    return ParkedEvent.objects.get()


def test_an_event_that_keeps_failing_is_parked_and_the_feed_goes_on(at, diary, happened):
    happened(4)
    parked = park(diary, at, 1)
    assert diary.seen == [0, 2, 3]
    assert (parked.state, parked.attempts, parked.event.entry.position) == ("parked", ATTEMPTS, 1)
    assert "poison" in parked.error


def test_a_parked_event_is_run_again_and_recorded(at, diary, happened):
    happened(2)
    parked = park(diary, at, 0)
    diary.poison = set()
    done = parked_rerun(parked_id=parked.pk, actor="user:1", at=at)
    assert (done.state, done.done_at) == ("done", at)
    assert diary.seen == [1, 0]
    event = Event.objects.get(kind=Kind.EVENT_RERUN)
    assert (event.subject, event.actor) == (f"event:{parked.event.uid}", "user:1")


def test_a_parked_event_that_fails_again_stays_parked(at, diary, happened):
    happened(1)
    parked = park(diary, at, 0)
    with pytest.raises(RerunFailed, match="poison"):
        parked_rerun(parked_id=parked.pk, actor="user:1", at=at)
    parked.refresh_from_db()
    assert (parked.state, parked.attempts) == ("parked", ATTEMPTS + 1)
    assert diary.kept == []


def test_a_done_event_is_not_run_twice(at, diary, happened):
    happened(1)
    parked = park(diary, at, 0)
    diary.poison = set()
    parked_rerun(parked_id=parked.pk, actor="user:1", at=at)
    with pytest.raises(Conflict, match="already"):
        parked_rerun(parked_id=parked.pk, actor="user:1", at=at)
    assert diary.seen == [0]


def test_what_is_not_parked_or_has_no_reader_is_refused(at, diary, happened):
    with pytest.raises(NotFound):
        parked_rerun(parked_id=99, actor="user:1", at=at)
    happened(1)
    parked = park(diary, at, 0)
    reader_unregister("diary")
    with pytest.raises(Conflict, match="No reader"):
        parked_rerun(parked_id=parked.pk, actor="user:1", at=at)
    with pytest.raises(NotFound):
        reader_run("diary", at=at)


def test_a_reader_of_some_kinds_passes_over_the_others(at, diary, happened):
    reader_register("diary", diary, kinds=[Kind.LICENSE_REVOKED])
    happened(3)
    happened(1, kind=Kind.LICENSE_REVOKED)
    happened(2)
    assert reader_run("diary", at=at) == 6
    assert diary.seen == [3]


def test_a_new_reader_may_begin_with_the_next_event(at, diary, happened):
    reader_register("diary", diary, from_start=False)
    happened(3)
    assert reader_run("diary", at=at) == 0
    happened(1)
    reader_run("diary", at=at)
    assert diary.seen == [3]


def test_a_migration_makes_the_cursors_of_new_readers(at, diary, happened):
    """What happens between a deployment and a reader's first run is not lost on it."""
    reader_register("diary", diary, from_start=False)
    happened(2)
    emit_post_migrate_signal(verbosity=0, interactive=False, db=DEFAULT_DB_ALIAS)
    happened(1)
    reader_run("diary", at=at)
    assert diary.seen == [2]


def test_readers_that_are_behind_are_known(at, diary, happened):
    assert readers_behind(at=at) == []
    happened(1)
    assert readers_behind(at=at) == ["diary"]
    reader_run("diary", at=at)
    assert readers_behind(at=at) == []
