"""Indexes for "contains", which only PostgreSQL has (pg_trgm); elsewhere a search reads the table through.

They are no part of the models: the extension may be refused, and everything works without it, only slower on
big tables. They are made after every `migrate`, so that allowing the extension later is followed by running
that again, and `manage.py doctor` tells when they are missing.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.module_loading import autodiscover_modules

SHORTEST = 3
"""Letters of the shortest text that can be looked for anywhere in a value by such an index."""


@dataclass(frozen=True, slots=True)
class TrigramIndex:
    """An index for `icontains` and `istartswith` on columns of one table, of rows that fulfil `where`."""

    name: str
    table: str
    columns: tuple[str, ...]
    where: str = ""

    def sql(self) -> str:
        columns = ", ".join(f"upper({column}::text) gin_trgm_ops" for column in self.columns)
        where = f" WHERE {self.where}" if self.where else ""
        # without a list of what is still to be filed: every search would read it through until the next vacuum
        return (
            f"CREATE INDEX IF NOT EXISTS {self.name} ON {self.table} USING gin ({columns})"
            f" WITH (fastupdate = off){where}"
        )


_indexes: dict[str, TrigramIndex] = {}


def index_register(index: TrigramIndex) -> TrigramIndex:
    """Have the index made after the next `migrate`."""
    _indexes[index.name] = index
    return index


def indexes_registered() -> dict[str, TrigramIndex]:
    """By name, of every installed app's `searching`, whether or not anything has imported it before."""
    autodiscover_modules("searching")
    return _indexes


def indexes_missing(here: BaseDatabaseWrapper) -> list[str]:
    """Names of the registered indexes that are not there; none on other databases than PostgreSQL."""
    if here.vendor != "postgresql":
        return []
    wanted = indexes_registered()
    with here.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname = ANY(%s)", [list(wanted)])
        there = {name for (name,) in cursor.fetchall()}
    return sorted(set(wanted) - there)


def indexes_ensure(here: BaseDatabaseWrapper) -> list[str]:
    """Make what is missing of tables that exist; return the names that could not be made."""
    missing = indexes_missing(here)
    if missing and _try(here, "CREATE EXTENSION IF NOT EXISTS pg_trgm"):
        tables = here.introspection.table_names()
        for index in (_indexes[name] for name in missing):
            if index.table in tables:
                _try(here, index.sql())
    return indexes_missing(here) if missing else []


def _try(here: BaseDatabaseWrapper, statement: str) -> bool:
    """A refusal is no error: everything works without."""
    try:
        with transaction.atomic(using=here.alias), here.cursor() as cursor:
            cursor.execute(statement)
    except DatabaseError:
        return False
    return True
