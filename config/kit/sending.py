"""Texts of statements on their way to the database: one by one, or gathered in a pipelined transaction."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from typing import Any, TypeAlias
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

Rows: TypeAlias = list[tuple[Any, ...]]


class Text:
    """The text of a statement with the driver's placeholders, and with PostgreSQL's own."""

    def __init__(self, sql: str) -> None:
        number = count(1)
        self.sql = sql
        self.numbered = re.sub("%s|%%", lambda found: "%" if found[0] == "%%" else f"${next(number)}", sql)


@contextmanager
def pipelined() -> Iterator[None]:
    """A transaction that waits for the database twice: for what it reads first, and for its end.

    `Select.start`, `Statement.start` and `insert` gather statements; the first answer that is asked for
    sends them all, and the end of the block sends the rest together with the COMMIT. Other statements of the
    block do not see an insert that still waits, and an inner `atomic` has no place in it. An error surfaces
    where the answer does, at the latest at the end. Elsewhere than on PostgreSQL, and inside another
    transaction, this is an ordinary `atomic`.
    """
    here = connection()
    if here.in_atomic_block or not _prepares(here):
        with transaction.atomic():
            yield
        return
    with transaction.atomic():
        queue = _queues[here] = _Queue(here)
        try:
            yield
        finally:
            del _queues[here]
        if not here.needs_rollback:
            # Django finds nothing left to commit, and goes on to what waits for the commit.
            queue.send(commit=True)


class _Queue:
    """Statements of a pipelined transaction that wait to be sent together."""

    def __init__(self, here: BaseDatabaseWrapper) -> None:
        self._here = here
        self._waiting: list[tuple[str, list[Any]]] = []
        self._takers: list[Callable[[Rows], None]] = []

    def add(self, text: Text, values: list[Any], taker: Callable[[Rows], None]) -> None:
        self._waiting.append((text.numbered, values))
        self._takers.append(taker)

    def send(self, *, commit: bool = False) -> None:
        calls, takers = self._waiting, self._takers
        self._waiting, self._takers = [], []
        for taker, rows in zip(takers, _run(self._here, calls, commit=commit), strict=True):
            taker(rows)


_queues: WeakKeyDictionary[BaseDatabaseWrapper, _Queue] = WeakKeyDictionary()


def queue_of(here: BaseDatabaseWrapper) -> _Queue | None:
    """What gathers statements on a connection, inside `pipelined` alone."""
    queue = _queues.get(here)
    if queue is not None and here.savepoint_ids:
        raise RuntimeError(
            "A savepoint cannot keep what waits to be sent: no inner transaction in `pipelined`."
        )
    return queue


def start(here: BaseDatabaseWrapper, text: Text, values: list[Any]) -> Callable[[], Rows]:
    """Begin a SELECT; call what comes back for its rows."""
    queue = queue_of(here)
    if queue is None:
        rows = read(here, text, values)
        return lambda: rows
    found: list[Rows] = []
    queue.add(text, values, found.append)

    def finish() -> Rows:
        if not found:
            queue.send()
        return found[0]

    return finish


def read(here: BaseDatabaseWrapper, text: Text, values: list[Any]) -> Rows:
    """The rows of a SELECT. A connection that was lost while it was idle is replaced.

    Asking before each call whether it still lives, as Django does for its own, would be a second query.
    """
    try:
        return fetch(here, text, values)
    except (OperationalError, InterfaceError):
        if here.in_atomic_block or here.is_usable():
            raise
        here.close()
        return fetch(here, text, values)


def fetch(here: BaseDatabaseWrapper, text: Text, values: list[Any]) -> Rows:
    """Run a statement at once and return what it selects or returns."""
    if _prepares(here):
        return _run(here, [(text.numbered, values)])[0]
    with here.cursor() as cursor:
        cursor.execute(text.sql, [bound(value, here) for value in values])
        rows: Rows = cursor.fetchall() if cursor.description else []
        return rows


def _prepares(here: BaseDatabaseWrapper) -> bool:
    """Does this connection keep prepared statements (SIGNET_DATABASE_PREPARE)?

    Not where a pooler hands each transaction to another server connection and cannot follow them, and not
    while Django is asked to log its queries.
    """
    if here.vendor != "postgresql" or here.queries_logged:
        return False
    here.ensure_connection()
    return here.connection.prepare_threshold is not None


def _run(
    here: BaseDatabaseWrapper, calls: list[tuple[str, list[Any]]], *, commit: bool = False
) -> list[Rows]:
    from config.kit.prepared import run

    here.validate_no_broken_transaction()
    with here.wrap_database_errors:
        return run(here.connection, calls, commit=commit)


def bound(value: Any, here: BaseDatabaseWrapper) -> Any:
    """A value as the database takes it: a UUID or an instant is text where the database has no such type."""
    if isinstance(value, datetime) and here.vendor != "postgresql":
        return here.ops.adapt_datetimefield_value(value)
    return value.hex if isinstance(value, UUID) and not here.features.has_native_uuid_field else value


def connection() -> BaseDatabaseWrapper:
    """The thread's connection itself: its proxy costs a look-up for every attribute."""
    return connections[DEFAULT_DB_ALIAS]
