from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from history.models import Checkpoint, Entry, Event, TreeNode
from history.triggers import protect, unprotect, unprotected, without_protection

pytestmark = pytest.mark.django_db
TABLES = ["history_event", "history_entry", "history_treenode", "history_checkpoint"]


@pytest.fixture
def kept(history_of):
    return history_of(300)


@pytest.mark.parametrize("model", [Event, Entry, TreeNode, Checkpoint])
def test_rows_are_neither_changed_nor_deleted(kept, model):
    row = model.objects.order_by("pk").first()
    field = "hash" if model is TreeNode else {Event: "actor", Entry: "leaf_hash", Checkpoint: "note"}[model]
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        model.objects.filter(pk=row.pk).update(**{field: getattr(row, field)})
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        model.objects.filter(pk=row.pk)._raw_delete(using="default")
    assert model.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("table", TABLES)
def test_a_row_is_not_replaced_by_inserting_over_it(kept, table):
    if connection.vendor == "postgresql":
        pytest.skip("PostgreSQL has no REPLACE")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"REPLACE INTO {table} SELECT * FROM {table}")


@pytest.mark.parametrize(
    ("table", "key", "others"),
    [
        ("history_event", "uid", {}),
        ("history_entry", "position", {"event_id": "event_id + 1000"}),
        ("history_entry", "event_id", {"position": "position + 1000"}),
        ("history_entry", "rowid", {"position": "position + 1000", "event_id": "event_id + 1000"}),
        ("history_treenode", "level, number", {}),
        ("history_checkpoint", "size", {}),
    ],
)
def test_a_row_is_not_replaced_by_any_key(kept, table, key, others):
    """Trust: a replaced event that no entry holds yet would be sequenced as it stands."""
    if connection.vendor != "sqlite":
        pytest.skip("the others call the trigger of deleting")
    replace = replacing(table, key, others)
    with pytest.raises(DatabaseError, match="append-only"):
        run(replace)
    with without_protection(connection):
        assert tried(replace) == 1  # so it was the trigger that refused


@pytest.mark.postgres
@pytest.mark.parametrize("table", TABLES)
def test_tables_are_not_truncated(kept, table):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # or PostgreSQL refuses for another reason
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"TRUNCATE {table} CASCADE")


def test_every_table_of_the_history_is_protected():
    assert unprotected(connection, TABLES) == []
    assert unprotected(connection, ["history_reader"]) == ["history_reader"]


def test_a_table_that_lacks_one_trigger_of_several_is_told(ledger):
    if connection.vendor == "postgresql":
        pytest.skip("PostgreSQL has one trigger for all")
    assert unprotected(connection, ["ledger"]) == []
    run("DROP TRIGGER append_only_ledger_update")
    assert unprotected(connection, ["ledger"]) == ["ledger"]


def tried(statement):
    """How many rows a statement would write; nothing of it stays."""
    with transaction.atomic():
        rows = run(statement)
        transaction.set_rollback(True)
    return rows


def replacing(table, key, others):
    """SQL that puts a copy of the table's first row over it: the same by `key`, of another id, and `others`."""
    with connection.cursor() as cursor:
        described = connection.introspection.get_table_description(cursor, table)
    names = [column.name for column in described if column.name != "id"]
    names += ["rowid"] if key == "rowid" else []
    values = ", ".join(others.get(name, name) for name in names)
    return f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} LIMIT 1"


@pytest.fixture
def ledger(transactional_db):
    """A table of somebody else's, with one column that may change."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE ledger (id integer PRIMARY KEY, what varchar(9), sealed varchar(9))")
        cursor.execute("INSERT INTO ledger VALUES (1, 'a', 'b')")
    with connection.schema_editor() as editor:
        protect(editor, "ledger", mutable=["sealed"])
    yield
    with connection.schema_editor() as editor:
        unprotect(editor, "ledger")
        editor.execute("DROP TABLE ledger")


def run(statement):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.rowcount


def test_a_mutable_column_changes_and_the_rest_does_not(ledger):
    assert run("UPDATE ledger SET sealed = 'c'") == 1
    for statement in ("UPDATE ledger SET what = 'c'", "DELETE FROM ledger"):
        with pytest.raises(DatabaseError, match="append-only"):
            run(statement)


def test_protection_comes_back_as_it_was(ledger):
    with without_protection(connection):
        assert run("UPDATE ledger SET what = 'c'") == 1
    assert run("UPDATE ledger SET sealed = 'd'") == 1
    with pytest.raises(DatabaseError, match="append-only"):
        run("UPDATE ledger SET what = 'd'")


def test_protection_comes_back_after_a_failure(ledger):
    with pytest.raises(ZeroDivisionError), without_protection(connection):
        raise ZeroDivisionError
    with pytest.raises(DatabaseError, match="append-only"):
        run("DELETE FROM ledger")


def test_protecting_twice_is_protecting_once(ledger):
    with connection.schema_editor() as editor:
        protect(editor, "ledger")
    with pytest.raises(DatabaseError, match="append-only"):
        run("UPDATE ledger SET sealed = 'c'")


def test_a_mutable_column_that_is_not_there_is_a_mistake(ledger):
    with pytest.raises(ValueError, match="no columns"), connection.schema_editor() as editor:
        protect(editor, "ledger", mutable=["colour"])
