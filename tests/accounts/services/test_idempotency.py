"""One `Idempotency-Key` used in parallel, and by a process that dies. Real threads, real connections."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Self

import pytest
from django.db import connection, transaction

from accounts.errors import IdempotencyInProgress
from accounts.models import Account, IdempotentRequest
from accounts.services.accounts import account_create
from accounts.services.api_keys import api_key_create
from accounts.services.idempotency import answer_find, answer_keep, claim, held
from history.models import Event

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
USE = claim(client="api-key:a", key="k1", method="POST", path="/x", body={"name": "Acme"})
URL = "/api/v1/accounts"
CALLERS = 12


def in_thread(work):
    """Run in another thread on a connection of its own, closed at the end."""

    def run(*args):
        try:
            return work(*args)
        finally:
            connection.close()

    return run


@pytest.fixture
def holder(transactional_db):
    """Another thread that holds the key inside an open transaction, until `.release()`."""
    return Holder()


class Holder:
    def __init__(self) -> None:
        self.holds, self.let_go, self.pid = threading.Event(), threading.Event(), 0
        self.error: Exception | None = None
        self.thread = threading.Thread(target=in_thread(self._hold))

    def __enter__(self) -> Self:
        self.thread.start()
        assert self.holds.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        self.let_go.set()
        self.thread.join(10)

    def _hold(self) -> None:
        try:
            with held(USE):
                account_create(name="Acme", actor="cli:test", at=AT)
                answer_keep(USE, status=201, headers={}, body=b"{}", at=AT)
                self.pid = connection.connection.info.backend_pid
                self.holds.set()
                self.let_go.wait(10)
        except Exception as error:  # noqa: BLE001 - shown by the test
            self.error = error


@pytest.mark.postgres
def test_while_the_first_call_runs_a_second_is_refused_at_once(holder):
    with holder, pytest.raises(IdempotencyInProgress), held(USE):
        pytest.fail("two calls hold one key")
    with held(USE):
        assert answer_find(USE, at=AT).status == 201


@pytest.mark.postgres
def test_another_key_and_another_client_do_not_wait(holder):
    with holder:
        for other in ({"client": "api-key:b", "key": "k1"}, {"client": "api-key:a", "key": "k2"}):
            with held(claim(**other, method="POST", path="/x", body={})):
                pass


@pytest.mark.postgres
def test_a_call_that_dies_leaves_nothing_and_the_next_one_takes_over(holder):
    """Survives kill -9: the connection of the first call is cut in the middle of its transaction."""
    with holder:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [holder.pid])
        holder.release()
    assert holder.error is not None
    assert not Account.objects.exists()
    assert not Event.objects.exists()
    assert not IdempotentRequest.objects.exists()
    with held(USE):
        assert answer_find(USE, at=AT) is None


@pytest.mark.postgres
def test_parallel_calls_with_one_key_make_one_account(transactional_db, api):
    _, token = api_key_create(name="a", role="full-admin", actor="cli:test", at=AT)
    together = threading.Barrier(CALLERS)

    def call(_: int):
        together.wait(10)
        return api.as_(token).post(URL, {"name": "Initech"}, key="k1")

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(in_thread(call), range(CALLERS)))
    made = [a for a in answers if a.status_code == 201 and "Idempotency-Replayed" not in a.headers]
    running = [a for a in answers if a.status_code == 409]
    assert len(made) == 1
    assert {a.status_code for a in answers} <= {201, 409}
    assert {a.json()["code"] for a in running} <= {"idempotency_in_progress"}
    assert {a.headers["Retry-After"] for a in running} <= {"1"}
    assert {a.content for a in answers if a.status_code == 201} == {made[0].content}
    assert Account.objects.count() == Event.objects.filter(kind="account.created").count() == 1


@pytest.mark.postgres
def test_a_call_in_an_open_transaction_is_a_mistake(transactional_db):
    with transaction.atomic(), pytest.raises(RuntimeError), held(USE):
        pytest.fail("the answer would be kept before the change is committed")
