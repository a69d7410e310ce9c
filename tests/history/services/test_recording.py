from __future__ import annotations

from datetime import datetime

import pytest
from django.db import transaction

from history.domain.kinds import Kind
from history.models import Event
from history.services import InvalidEvent, NewEvent, record, record_many

pytestmark = pytest.mark.django_db
GOOD = {"kind": Kind.LICENSE_ISSUED, "subject": "license:L-1", "actor": "user:1", "data": {"seats": 1}}


def test_an_event_is_one_insert(at, django_assert_num_queries):
    with transaction.atomic(), django_assert_num_queries(1):
        event = record(**GOOD, at=at)
    kept = Event.objects.get(pk=event.pk)
    assert (kept.kind, kept.subject, kept.account, kept.data) == (
        "license.issued",
        "license:L-1",
        "",
        {"seats": 1},
    )
    assert kept.at == at
    assert kept.recorded_at is not None


def test_an_event_goes_with_the_change_that_is_rolled_back(at):
    with transaction.atomic():
        record(**GOOD, at=at)
        transaction.set_rollback(True)
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_is_recorded(at):
    with pytest.raises(InvalidEvent, match="transaction"):
        record(**GOOD, at=at)
    with pytest.raises(InvalidEvent, match="transaction"):
        record_many([NewEvent(**GOOD, at=at)])
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "license.invented"},
        {"subject": "L-1"},
        {"subject": "user:ada@example.com"},
        {"account": "ada@example.com"},
        {"actor": "ada"},
        {"data": {"token": "eyJhbGciOiJFZERTQSJ9.e30.c2ln"}},
        {"data": None},
        {"at": datetime(2026, 3, 1)},  # noqa: DTZ001 - a naive instant is what is refused
    ],
)
def test_an_unfit_event_is_refused(at, change):
    with pytest.raises(InvalidEvent), transaction.atomic():
        record(**({**GOOD, "at": at} | change))
    assert not Event.objects.exists()


def test_many_events_are_written_a_thousand_a_query(at, django_assert_max_num_queries):
    events = (NewEvent(**(GOOD | {"subject": f"license:L-{n}"}), at=at) for n in range(1500))
    with transaction.atomic(), django_assert_max_num_queries(20):  # SQLite takes 999 values a statement
        assert record_many(events) == 1500
    assert Event.objects.count() == 1500


def test_one_unfit_event_stops_all_of_many(at):
    events = [NewEvent(**GOOD, at=at), NewEvent(**(GOOD | {"kind": "no.kind"}), at=at)]
    with pytest.raises(InvalidEvent), transaction.atomic():
        record_many(events)
    assert not Event.objects.exists()


def test_the_commit_asks_for_sequencing(at, happen, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        happen(3)
    assert len(callbacks) == 3
    assert {callback.args[0] for callback in callbacks} == {"history.sequence"}


def test_an_event_explains_itself(happen):
    (event,) = happen()
    assert str(event) == "license.issued license:L-0"
    assert event.sentence == "A signed snapshot of a license was made."
    assert Event(kind="of.the_future").sentence == ""
