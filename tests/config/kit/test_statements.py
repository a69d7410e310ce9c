"""Compiled statements do what the ORM does; on PostgreSQL also together, in two round trips."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from django.db import IntegrityError, ProgrammingError, connection, connections, transaction

from accounts.models import Account
from config.kit.ids import uuid7
from config.kit.statements import Select, SelectRows, Statement, insert, insert_many, insert_rows, pipelined
from history.models import Event

BY_SLUG = Select(lambda slug: Account.objects.filter(slug=slug), slug="the slug")
NAMES = SelectRows(
    lambda slug: Account.objects.filter(slug=slug).values_list("name", "customer_id"), slug="-"
)
EVENTS = SelectRows(
    lambda uid: Event.objects.filter(uid=uid).values_list("uid", "data", "at"), uid=UUID(int=1)
)


@pytest.fixture
def event(at):
    def make(subject: str = "license:1", **fields: object) -> Event:
        return Event(kind="license.issued", subject=subject, actor="cli:test", data={"n": 1}, at=at, **fields)

    return make


# --- everywhere ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_instance_is_read_as_the_orm_reads_it(make_account):
    row = make_account()
    (found,) = BY_SLUG.rows(slug=row.slug)
    assert (found, found.name, found._state.adding) == (row, row.name, False)
    assert BY_SLUG.rows(slug="nobody") == []


@pytest.mark.django_db
def test_tuples_are_read_with_the_values_of_their_fields(event, make_account, at):
    row, happened = make_account(), event()
    insert(happened)
    assert NAMES.rows(slug=row.slug) == [(row.name, row.customer_id)]
    ((uid, data, instant),) = EVENTS.rows(uid=happened.uid)
    assert (uid, instant) == (happened.uid, at)
    assert data == {"n": 1}


@pytest.mark.django_db
def test_an_inserted_row_is_what_save_would_have_written(event):
    happened = event(account="C-1")
    insert(happened)
    stored = Event.objects.get(pk=happened.pk)
    assert (stored.uid, stored.data, stored.at) == (happened.uid, happened.data, happened.at)
    assert (happened._state.adding, stored.recorded_at is not None) == (False, True)


@pytest.mark.django_db
def test_many_rows_go_in_as_instances_or_as_values(event, at):
    insert_many([event("license:1"), event("license:2")])
    names = ("uid", "kind", "subject", "account", "actor", "data", "at")
    insert_rows(Event, names, [(uuid7(), "x", "license:3", "", "cli:test", json.dumps({"n": "é"}), at)])
    assert list(Event.objects.order_by("subject").values_list("data", flat=True)) == [
        {"n": 1},
        {"n": 1},
        {"n": "é"},
    ]


@pytest.mark.django_db
def test_a_statement_by_hand_takes_values_and_percent_signs(make_account):
    row = make_account()
    found = Statement("SELECT name, '100%%' FROM accounts_account WHERE slug = %s").rows(row.slug)
    assert [tuple(one) for one in found] == [(row.name, "100%")]


# --- together -----------------------------------------------------------------------------------------

together = pytest.mark.django_db(transaction=True)


@together
def test_what_is_inserted_together_is_committed_together(event):
    first, second = event("license:1"), event("license:2")
    done = []
    with pipelined():
        insert(first)
        insert(second)
        transaction.on_commit(lambda: done.append(Event.objects.count()))
    assert {first.pk, second.pk} == set(Event.objects.values_list("pk", flat=True))
    assert done == [2]


@together
def test_a_failing_insert_undoes_the_others_and_calls_nobody(event):
    first, done = event(), []

    def twice() -> None:
        with pipelined():
            insert(first)
            insert(event(uid=first.uid))
            transaction.on_commit(lambda: done.append(1))

    with pytest.raises(IntegrityError):
        twice()
    assert (Event.objects.count(), done, connection.in_atomic_block) == (0, [], False)


@together
def test_an_exception_of_the_block_undoes_it(event):
    def fail() -> None:
        with pipelined():
            insert(event())
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert Event.objects.count() == 0


@together
def test_a_block_that_is_to_be_rolled_back_is(event):
    with pipelined():
        insert(event())
        transaction.set_rollback(True)
    assert Event.objects.count() == 0


@together
def test_reads_see_what_was_inserted_before_them(event, make_account):
    row, happened = make_account(), event()
    with pipelined():
        name = NAMES.start(slug=row.slug)
        insert(happened)
        stored = EVENTS.start(uid=happened.uid)
        assert (name()[0][0], len(stored())) == (row.name, 1)
    assert Event.objects.filter(pk=happened.pk).count() == 1


@together
def test_a_block_inside_a_transaction_is_part_of_it(event):
    def fail() -> None:
        with transaction.atomic():
            with pipelined():
                insert(event())
            assert Event.objects.count() == 1
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert Event.objects.count() == 0


# --- PostgreSQL's own ---------------------------------------------------------------------------------


@pytest.mark.postgres
@together
def test_a_savepoint_has_no_place_among_statements_that_wait(event):
    def nest() -> None:
        with pipelined():
            insert(event())
            with transaction.atomic():
                insert(event())

    with pytest.raises(RuntimeError):
        nest()
    assert Event.objects.count() == 0


@pytest.mark.postgres
@together
def test_a_connection_that_died_idle_is_replaced_for_a_read(make_account):
    row = make_account()
    assert NAMES.rows(slug=row.slug)
    pid = Statement("SELECT pg_backend_pid()").rows()[0][0]
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()
    assert NAMES.rows(slug=row.slug) == [(row.name, row.customer_id)]


@pytest.mark.postgres
@together
def test_a_connection_whose_statements_were_discarded_recovers(make_account):
    row = make_account()
    NAMES.rows(slug=row.slug)
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    with pytest.raises(ProgrammingError):
        NAMES.rows(slug=row.slug)
    assert NAMES.rows(slug=row.slug)


@pytest.mark.postgres
@together
def test_an_instant_comes_back_in_utc_to_the_microsecond(event, at):
    happened = event()
    happened.at = at.replace(microsecond=123456)
    insert(happened)
    ((_, _, instant),) = EVENTS.rows(uid=happened.uid)
    assert (instant, instant.utcoffset().total_seconds()) == (happened.at, 0)
