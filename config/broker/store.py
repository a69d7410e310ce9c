"""Queues, bindings and messages in one SQLite file, shared by the processes of one machine.

A message is ready (`session` is null) or held by the session that took it, until that session
acknowledges or releases it, or its process is gone (`config.broker.presence`). Reading takes no write
lock: an idle consumer only peeks. `synchronous=NORMAL` under WAL survives the death of any process; a
power cut may take the last moments, which the sweepers over the application's own rows make good.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from config.broker.presence import Presence

BUSY_TIMEOUT = 30.0
"""Seconds that a writer waits for another process's write."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS session (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pid INTEGER NOT NULL,
    started_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS queue (
    name TEXT PRIMARY KEY,
    owner INTEGER,
    ttl REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS binding (
    exchange TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    pattern TEXT NOT NULL,
    queue TEXT NOT NULL,
    PRIMARY KEY (exchange, queue, routing_key, pattern)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    urgency INTEGER NOT NULL,
    body TEXT NOT NULL,
    expires_at REAL NOT NULL,
    session INTEGER,
    deliveries INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS message_ready ON message (queue, urgency, id) WHERE session IS NULL;
CREATE INDEX IF NOT EXISTS message_expiry ON message (expires_at) WHERE session IS NULL;
CREATE INDEX IF NOT EXISTS message_held ON message (session) WHERE session IS NOT NULL;
"""


class Taken(NamedTuple):
    """A message handed to a consumer; `id` acknowledges or releases it."""

    id: int
    body: str
    redelivered: bool


class Store:
    """One process's view of the file. Safe for threads; after a fork ask `store_at` again."""

    def __init__(self, path: Path, *, retention: float, max_length: int) -> None:
        """Open or create the file.

        Args:
            path: the database; its folder is created. ``<path>-sessions`` appears beside it.
            retention: seconds after which a message that nobody took is dropped.
            max_length: messages that a temporary queue keeps; the oldest make room.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._retention = retention
        self._max_length = max_length
        self._lock = threading.RLock()
        self._session: int | None = None
        self._presence = Presence(path.with_name(f"{path.name}-sessions"))
        self._connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
        )
        self._prepare()

    def _prepare(self) -> None:
        execute = self._connection.execute
        while_busy(lambda: execute("PRAGMA journal_mode=WAL"))
        execute("PRAGMA synchronous=NORMAL")
        execute("PRAGMA journal_size_limit=8388608")
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'message_held'"):
            with self._writing():
                for statement in filter(None, map(str.strip, SCHEMA.split(";"))):
                    execute(statement)

    def _rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def session(self) -> int:
        """The number under which this process holds messages and temporary queues."""
        with self._lock:
            if self._session is None:
                self._session = self._begin_session()
                self.recover()
            return self._session

    def _begin_session(self) -> int:
        # Locked before the row is committed, so that no sweep can see it unlocked.
        with self._writing() as db:
            while True:
                row = db.execute(
                    "INSERT INTO session (pid, started_at) VALUES (?, ?)", (os.getpid(), time.time())
                )
                number = row.lastrowid or 0
                if self._presence.hold(number):
                    return number
                # Held by a process that still uses an earlier, deleted file of this name.
                db.execute("DELETE FROM session WHERE id = ?", (number,))

    def declare(self, queue: str, *, temporary: bool = False, ttl: float | None = None) -> None:
        """Make `queue` exist. A temporary one ends with this process; `ttl` limits its messages' age."""
        owner = self.session() if temporary else None
        known = self._rows("SELECT owner, ttl FROM queue WHERE name = ?", queue)
        if known != [(owner, ttl)]:
            with self._writing() as db:
                db.execute(
                    "INSERT OR REPLACE INTO queue (name, owner, ttl) VALUES (?, ?, ?)", (queue, owner, ttl)
                )

    def bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        """Route what `exchange` gets to `queue`."""
        bound = (exchange, routing_key, pattern, queue)
        if (routing_key, pattern, queue) not in self.bindings(exchange):
            with self._writing() as db:
                db.execute("INSERT OR IGNORE INTO binding VALUES (?, ?, ?, ?)", bound)

    def unbind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        """Undo `bind`."""
        with self._writing() as db:
            db.execute(
                "DELETE FROM binding WHERE exchange = ? AND routing_key = ? AND pattern = ? AND queue = ?",
                (exchange, routing_key, pattern, queue),
            )

    def bindings(self, exchange: str) -> list[tuple[str, str, str]]:
        """Routing key, pattern and queue of everything bound to `exchange`."""
        rows = self._rows("SELECT routing_key, pattern, queue FROM binding WHERE exchange = ?", exchange)
        return [(str(key), str(pattern), str(queue)) for key, pattern, queue in rows]

    def has_queue(self, queue: str) -> bool:
        """Whether `queue` is declared."""
        return bool(self._rows("SELECT 1 FROM queue WHERE name = ?", queue))

    def delete(self, queue: str) -> None:
        """Remove `queue` with its bindings and all its messages."""
        with self._writing() as db:
            delete_queue(db, queue)

    def delete_own(self, queues: list[str]) -> None:
        """Remove those of `queues` that are temporary and belong to this process."""
        owner = self._session
        if queues and owner is not None:
            with self._writing() as db:
                own = db.execute("SELECT name FROM queue WHERE owner = ?", (owner,)).fetchall()
                for queue in {name for (name,) in own}.intersection(queues):
                    delete_queue(db, queue)

    def put(self, queues: list[str], body: str, *, urgency: int, ttl: float | None, at: float) -> int:
        """Add a message to each of `queues` that exists; smaller `urgency` goes first. Returns how many."""
        count = 0
        with self._writing() as db:
            for queue in queues:
                row = db.execute("SELECT owner, ttl FROM queue WHERE name = ?", (queue,)).fetchone()
                if row is None:
                    continue
                count += 1
                age = min(limit for limit in (self._retention, row[1], ttl) if limit is not None)
                db.execute(
                    "INSERT INTO message (queue, urgency, body, expires_at) VALUES (?, ?, ?, ?)",
                    (queue, urgency, body, at + age),
                )
                if row[0] is not None:
                    self._trim(db, queue)
        return count

    def _trim(self, db: sqlite3.Connection, queue: str) -> None:
        db.execute(
            "DELETE FROM message WHERE id IN (SELECT id FROM message"
            " WHERE queue = ? AND session IS NULL ORDER BY id DESC LIMIT -1 OFFSET ?)",
            (queue, self._max_length),
        )

    def take(self, queue: str, *, at: float, keep: bool) -> Taken | None:
        """The next ready message, held for this process when `keep`, else removed at once."""
        ready = (
            "SELECT id, body, deliveries FROM message"
            " WHERE queue = ? AND session IS NULL AND expires_at > ? ORDER BY urgency, id LIMIT 1"
        )
        if not self._rows(ready, queue, at):
            return None
        session = self.session() if keep else None
        with self._writing() as db:
            row = db.execute(ready, (queue, at)).fetchone()
            if row is None:
                return None
            if keep:
                db.execute(
                    "UPDATE message SET session = ?, deliveries = deliveries + 1 WHERE id = ?",
                    (session, row[0]),
                )
            else:
                db.execute("DELETE FROM message WHERE id = ?", (row[0],))
        return Taken(row[0], row[1], redelivered=row[2] > 0)

    def acknowledge(self, message: int) -> None:
        """Remove a message that this process holds."""
        with self._writing() as db:
            db.execute("DELETE FROM message WHERE id = ? AND session = ?", (message, self._session))

    def release(self, messages: list[int]) -> None:
        """Make messages that this process holds ready again, in their old place."""
        with self._writing() as db:
            for message in messages:
                db.execute(
                    "UPDATE message SET session = NULL WHERE id = ? AND session = ?", (message, self._session)
                )

    def size(self, queue: str) -> int:
        """How many messages are ready."""
        return len(self._rows("SELECT 1 FROM message WHERE queue = ? AND session IS NULL", queue))

    def purge(self, queue: str) -> int:
        """Remove the ready messages; what is held stays with its holder."""
        with self._writing() as db:
            return db.execute("DELETE FROM message WHERE queue = ? AND session IS NULL", (queue,)).rowcount

    def sweep(self, at: float) -> None:
        """Recover, and drop what nobody took in time."""
        self.recover()
        if self._rows("SELECT 1 FROM message WHERE session IS NULL AND expires_at <= ? LIMIT 1", at):
            with self._writing() as db:
                db.execute("DELETE FROM message WHERE session IS NULL AND expires_at <= ?", (at,))

    def recover(self) -> None:
        """Give back what the processes that are gone held, and drop their temporary queues."""
        with self._lock:
            others = self._rows("SELECT id FROM session WHERE id IS NOT ?", self._session)
            for (number,) in others:
                if isinstance(number, int) and self._presence.is_gone(number):
                    self._end_session(number)

    def _end_session(self, number: int) -> None:
        with self._writing() as db:
            db.execute("UPDATE message SET session = NULL WHERE session = ?", (number,))
            for (queue,) in db.execute("SELECT name FROM queue WHERE owner = ?", (number,)).fetchall():
                delete_queue(db, queue)
            db.execute("DELETE FROM session WHERE id = ?", (number,))

    def close(self) -> None:
        """End this process's session and let go of the file."""
        with self._lock:
            self._connection.close()
            self._presence.close()


def while_busy(switch: Callable[[], object]) -> None:
    """Call `switch` until it succeeds: a change of journal mode does not wait for locks by itself."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            switch()
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def delete_queue(db: sqlite3.Connection, queue: str) -> None:
    """Remove a queue inside the caller's transaction."""
    db.execute("DELETE FROM queue WHERE name = ?", (queue,))
    db.execute("DELETE FROM binding WHERE queue = ?", (queue,))
    db.execute("DELETE FROM message WHERE queue = ?", (queue,))


_stores: dict[Path, Store] = {}
_opening = threading.Lock()
_inherited: list[Store] = []


def store_at(path: Path, *, retention: float, max_length: int) -> Store:
    """The one `Store` of this process for `path`, which must be absolute."""
    with _opening:
        if path not in _stores:
            _stores[path] = Store(path, retention=retention, max_length=max_length)
        return _stores[path]


def close_all() -> None:
    """Close every store of this process; those asked for later are new."""
    with _opening:
        while _stores:
            _stores.popitem()[1].close()


def _forget_parents_stores() -> None:
    # A connection must neither be used nor closed on the far side of a fork, so it is kept unused.
    global _opening  # noqa: PLW0603 - another thread of the parent may have held it
    _opening = threading.Lock()
    _inherited.extend(_stores.values())
    _stores.clear()


os.register_at_fork(after_in_child=_forget_parents_stores)
