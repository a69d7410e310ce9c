"""Work handed on after the commit, and only then."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from celery import current_app, shared_task
from django.db import transaction
from kombu import pools

from config.kit import enqueue as kit

done: list[int] = []


@shared_task(name="tests.note")
def note(number: int = 0) -> None:
    done.append(number)


@pytest.fixture(autouse=True)
def _nothing_done():
    done.clear()
    kit._last_sent.clear()


@pytest.mark.django_db(transaction=True)
def test_a_task_is_sent_after_the_commit():
    with transaction.atomic():
        kit.enqueue("tests.note", 1)
        assert done == []
    assert done == [1]


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_sends_nothing():
    with transaction.atomic():
        kit.enqueue("tests.note", 1)
        transaction.set_rollback(True)
    assert done == []


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_part_sends_nothing_and_the_rest_does():
    with transaction.atomic():
        kit.enqueue("tests.note", 1)
        with transaction.atomic():
            kit.enqueue("tests.note", 2)
            transaction.set_rollback(True)
    assert done == [1]


@pytest.mark.django_db(transaction=True)
def test_without_a_transaction_it_is_sent_at_once():
    kit.enqueue("tests.note", 1)
    assert done == [1]


@pytest.mark.django_db(transaction=True)
def test_a_debounced_task_is_sent_once_in_a_while():
    for _ in range(5):
        kit.debounce("tests.note", seconds=60)
    assert done == [0]
    kit._last_sent.clear()
    kit.debounce("tests.note", seconds=60)
    assert done == [0, 0]


@pytest.fixture
def sent(settings, monkeypatch):
    """What is handed to the broker, with the time that it is to wait."""
    settings.CELERY_TASK_ALWAYS_EAGER = False
    waits: list[float] = []
    monkeypatch.setattr(
        current_app, "send_task", lambda _name, *, countdown=None, **_: waits.append(countdown or 0.0)
    )
    return waits


@pytest.mark.django_db(transaction=True)
def test_what_comes_right_after_a_debounced_task_wakes_one_more_at_the_end_of_its_time(sent, monkeypatch):
    """A second change does not wait for the sweep, and a hundred cost no more messages than one a window."""
    instants = iter((100.0, 100.25, 100.25, 100.75, 101.5, 103.5))
    monkeypatch.setattr(kit, "time", SimpleNamespace(monotonic=lambda: next(instants)))
    for _ in range(6):
        kit.debounce("tests.note", seconds=1)
    assert sent == [0.0, 0.75, 0.5, 0.0]


@pytest.fixture
def fresh_connections():
    """Celery keeps connections for the life of a process: none of another broker's, before and after."""

    def forget():
        current_app.pool.force_close_all()
        current_app._pool = None
        current_app.amqp._producer_pool = None

    yield forget
    forget()
    pools.reset()


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_down_costs_delay_and_no_request(fresh_connections, settings, monkeypatch):
    settings.CELERY_TASK_ALWAYS_EAGER = False
    # In this order: the one derives from the other, also when it is put back.
    monkeypatch.setattr(current_app.conf, "broker_write_url", "redis+socket:///nonexistent.sock")
    monkeypatch.setattr(current_app.conf, "broker_url", "redis+socket:///nonexistent.sock")
    fresh_connections()
    kit.enqueue("tests.note", 1)
    assert done == []
