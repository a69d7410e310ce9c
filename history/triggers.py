"""Triggers that make a table append-only, on every database we run on.

PostgreSQL refuses UPDATE, DELETE and TRUNCATE. SQLite and MariaDB refuse UPDATE and DELETE, and replacing
a row by inserting over it; SQLite has no TRUNCATE, MariaDB has no trigger on it (take the DROP privilege,
which TRUNCATE needs, from the application's user).

This stops accidents and careless hands. Whoever owns the database can drop a trigger: that is what the
tree and the checkpoints are for. A migration that makes Django rebuild a protected SQLite table loses its
triggers and must call `protect` again, and so must one that adds a unique constraint; `history verify` reports
a table that lacks one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

PREFIX = "append_only_"
_FUNCTION = """
CREATE OR REPLACE FUNCTION signet_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""


def protect(schema_editor: BaseDatabaseSchemaEditor, table: str, *, mutable: Sequence[str] = ()) -> None:
    """Make a table append-only, but for the columns named in `mutable`. For migrations; safe to repeat.

    A mutable column is one whose content is not part of what the row states, such as a sealed text that
    is sealed again under a new key-encryption key, or dropped.
    """
    connection = schema_editor.connection
    unprotect(schema_editor, table)
    fixed = _fixed_columns(connection, table, mutable)
    for statement in _STATEMENTS[connection.vendor](connection, table, fixed):
        schema_editor.execute(statement, params=None)


def unprotect(schema_editor: BaseDatabaseSchemaEditor, table: str) -> None:
    """Take the triggers off a table, for a migration that has to change it."""
    for statement in _drops(schema_editor.connection, table):
        schema_editor.execute(statement, params=None)


def unprotected(connection: BaseDatabaseWrapper, tables: Sequence[str]) -> list[str]:
    """Return which of `tables` lack an append-only trigger, be it one of several."""
    found = {name for name, _, _ in _definitions(connection)}
    return [table for table in tables if not found.issuperset(_names(connection, table))]


def _names(connection: BaseDatabaseWrapper, table: str) -> list[str]:
    return [f"{PREFIX}{table}{suffix}" for suffix in _SUFFIXES[connection.vendor]]


@contextmanager
def without_protection(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Take every append-only trigger away for the length of a `with` block, and put them back.

    For emptying a test database, and for repairs by people who know what they do.
    """
    definitions = _definitions(connection)
    with connection.cursor() as cursor:
        for name, table, _ in definitions:
            cursor.execute(_drop(connection, name, table))
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for _, _, definition in definitions:
                cursor.execute(definition)


def _fixed_columns(connection: BaseDatabaseWrapper, table: str, mutable: Sequence[str]) -> list[str]:
    if not mutable:
        return []
    with connection.cursor() as cursor:
        columns = [column.name for column in connection.introspection.get_table_description(cursor, table)]
    unknown = set(mutable) - set(columns)
    if unknown:
        raise ValueError(f"{table} has no columns {sorted(unknown)}")
    return [column for column in columns if column not in mutable]


def _postgresql(connection: BaseDatabaseWrapper, table: str, fixed: Sequence[str]) -> list[str]:
    quote = connection.ops.quote_name
    columns = f" OF {', '.join(map(quote, fixed))}" if fixed else ""
    return [
        _FUNCTION,
        (
            f"CREATE TRIGGER {quote(PREFIX + table)} BEFORE UPDATE{columns} OR DELETE OR TRUNCATE"
            f" ON {quote(table)} FOR EACH STATEMENT EXECUTE FUNCTION signet_append_only()"
        ),
    ]


def _sqlite(connection: BaseDatabaseWrapper, table: str, fixed: Sequence[str]) -> list[str]:
    quote = connection.ops.quote_name
    columns = f" OF {', '.join(map(quote, fixed))}" if fixed else ""
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"

    def trigger(verb: str, event: str, when: str = "") -> str:
        name = quote(f"{PREFIX}{table}_{verb}")
        return f"CREATE TRIGGER {name} BEFORE {event} ON {quote(table)} FOR EACH ROW{when} {refuse}"

    return [
        trigger("update", f"UPDATE{columns}"),
        trigger("delete", "DELETE"),
        # INSERT OR REPLACE deletes without asking the trigger above
        trigger("insert", "INSERT", f" WHEN {_meets_another(connection, table)}"),
    ]


def _meets_another(connection: BaseDatabaseWrapper, table: str) -> str:
    """The condition that a new row would take the place of an old one, by any key that a row is unique by."""
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, table).values()
    # sorted: the same table has the same trigger everywhere; the row id is a key beside any primary key
    keys = sorted(tuple(c["columns"]) for c in constraints if c["unique"] or c["primary_key"])
    return " OR ".join(
        f"EXISTS (SELECT 1 FROM {quote(table)} WHERE "  # noqa: S608 - names of our own schema
        + " AND ".join(f"{quote(column)} = NEW.{quote(column)}" for column in key)
        + ")"
        for key in dict.fromkeys([("rowid",), *keys])
    )


def _mariadb(connection: BaseDatabaseWrapper, table: str, fixed: Sequence[str]) -> list[str]:
    quote = connection.ops.quote_name
    refuse = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{table} is append-only'"
    same = " AND ".join(f"NEW.{quote(column)} <=> OLD.{quote(column)}" for column in fixed)
    update = f"IF NOT ({same}) THEN {refuse}; END IF" if fixed else refuse

    def trigger(verb: str, body: str) -> str:
        name = quote(f"{PREFIX}{table}_{verb.lower()}")
        return f"CREATE TRIGGER {name} BEFORE {verb} ON {quote(table)} FOR EACH ROW {body}"

    return [trigger("UPDATE", update), trigger("DELETE", refuse)]


_SUFFIXES = {"postgresql": [""], "sqlite": ["_update", "_delete", "_insert"], "mysql": ["_update", "_delete"]}
_STATEMENTS = {"postgresql": _postgresql, "sqlite": _sqlite, "mysql": _mariadb}


def _drops(connection: BaseDatabaseWrapper, table: str) -> list[str]:
    return [_drop(connection, name, on) for name, on, _ in _definitions(connection) if on == table]


def _drop(connection: BaseDatabaseWrapper, name: str, table: str) -> str:
    quote = connection.ops.quote_name
    on = f" ON {quote(table)}" if connection.vendor == "postgresql" else ""
    return f"DROP TRIGGER {quote(name)}{on}"


_LISTS = {
    "postgresql": """
        SELECT t.tgname, c.relname, pg_get_triggerdef(t.oid) FROM pg_trigger t
        JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE NOT t.tgisinternal AND n.nspname = current_schema() ORDER BY t.tgname""",
    "sqlite": "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
    "mysql": """
        SELECT trigger_name, event_object_table, CONCAT('CREATE TRIGGER `', trigger_name, '` ',
            action_timing, ' ', event_manipulation, ' ON `', event_object_table, '` FOR EACH ROW ',
            action_statement)
        FROM information_schema.triggers WHERE trigger_schema = DATABASE() ORDER BY trigger_name""",
}


def _definitions(connection: BaseDatabaseWrapper) -> list[tuple[str, str, str]]:
    """Return (name, table, CREATE statement) of every append-only trigger there is."""
    with connection.cursor() as cursor:
        cursor.execute(_LISTS[connection.vendor])
        return [
            (name, table, definition)
            for name, table, definition in cursor.fetchall()
            if name.startswith(PREFIX)
        ]
