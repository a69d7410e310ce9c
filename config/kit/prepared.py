"""Prepared statements of PostgreSQL, many to one round trip. Apart, because the driver is an optional part.

The driver's cursors and its pipeline cost more Python than everything else that an issue does, so this
speaks to libpq through the layer beneath them (psycopg.pq). Each statement is parsed and planned once a
connection; every value travels as text and gets the type of the column it meets.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import count
from typing import Any, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

from psycopg import Connection, adapters, errors
from psycopg.abc import PQGen
from psycopg.adapt import AdaptersMap, PyFormat, Transformer
from psycopg.generators import execute, fetch_many, send
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

Call: TypeAlias = tuple[str, Sequence[Any]]
Rows: TypeAlias = list[tuple[Any, ...]]

_TUPLES_OK, _FAILED, _SYNC = ExecStatus.TUPLES_OK, ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_SYNC
_IDLE = TransactionStatus.IDLE
_AS_TEXT = [PyFormat.TEXT] * 100

# Django's own is written in Python, to give UTC for whatever the session speaks; ours speaks UTC.
_INSTANT = adapters.get_loader(adapters.types["timestamptz"].oid, Format.TEXT)
_number = count()


class _Session:
    """What this module knows of a connection: how values travel, and the server's names of the statements."""

    def __init__(self, connection: Connection[Any]) -> None:
        self.names: dict[str, bytes] = {}
        self.adapters = AdaptersMap(connection.adapters)
        if _INSTANT is not None:
            self.adapters.register_loader("timestamptz", _INSTANT)


class _Context(NamedTuple):
    adapters: AdaptersMap
    connection: Connection[Any]


_sessions: WeakKeyDictionary[Connection[Any], _Session] = WeakKeyDictionary()


def run(connection: Connection[Any], calls: Sequence[Call], *, commit: bool = False) -> list[Rows]:
    """Send statements together, wait once and return the rows of each. Parameters are `$1`, `$2`, ….

    Without autocommit a transaction is opened when none is open, as a cursor does; `commit` ends it after
    the last statement. Raises the error of the first statement that fails; nothing after it has happened.
    """
    with connection.lock:
        session = _sessions.get(connection)
        if session is None:
            session = _sessions[connection] = _Session(connection)
        if len(calls) == 1 and connection.autocommit and calls[0][0] in session.names:
            return [_alone(connection, session, *calls[0])]
        return connection.wait(_talk(connection, session, calls, commit=commit))


def _alone(connection: Connection[Any], session: _Session, sql: str, values: Sequence[Any]) -> Rows:
    """The rows of a statement that is its own transaction, by one call of libpq: what hot endpoints do most.

    It cannot be interrupted while it waits, and so is not for statements of a transaction, which may stand
    in line for a lock that somebody holds for long.
    """
    transformer = Transformer(_Context(session.adapters, connection))
    dumped = transformer.dump_sequence(values, _AS_TEXT[: len(values)])
    pgconn = connection.pgconn
    result = pgconn.exec_prepared(session.names[sql], dumped)  # type: ignore[arg-type] # it takes NULL as None
    if pgconn.status != ConnStatus.OK:
        raise errors.OperationalError("The connection to the database was lost.")
    _raise_first_error(connection, [result])
    return _rows(transformer, result)


def _talk(
    connection: Connection[Any], session: _Session, calls: Sequence[Call], *, commit: bool
) -> PQGen[list[Rows]]:
    pgconn, names = connection.pgconn, session.names
    transformer = Transformer(_Context(session.adapters, connection))
    for sql, _ in calls:
        if sql not in names:
            names[sql] = yield from _prepare(pgconn, sql)
    begin = not connection.autocommit and pgconn.transaction_status == _IDLE
    prepared = [
        (names[sql], transformer.dump_sequence(values, _AS_TEXT[: len(values)])) for sql, values in calls
    ]
    if len(prepared) == 1 and not begin and not commit:
        pgconn.send_query_prepared(*prepared[0])
        results = yield from execute(pgconn)
    else:
        results = yield from _pipeline(pgconn, prepared, begin=begin, commit=commit)
    _raise_first_error(connection, results)
    return [_rows(transformer, result) for result in results[begin : begin + len(calls)]]


def _pipeline(
    pgconn: PGconn, prepared: list[tuple[bytes, Sequence[Any]]], *, begin: bool, commit: bool
) -> PQGen[list[PGresult]]:
    pgconn.enter_pipeline_mode()
    try:
        if begin:
            pgconn.send_query_params(b"BEGIN", None)
        for name, values in prepared:
            pgconn.send_query_prepared(name, values)
        if commit:
            pgconn.send_query_params(b"COMMIT", None)
        pgconn.pipeline_sync()
        yield from send(pgconn)
        return (yield from _results(pgconn))
    finally:
        _leave_pipeline(pgconn)


def _prepare(pgconn: PGconn, sql: str) -> PQGen[bytes]:
    name = b"signet_%d" % next(_number)
    pgconn.send_prepare(name, sql.encode())
    (result,) = yield from execute(pgconn)
    if result.status == _FAILED:
        raise errors.error_from_result(result)
    return name


def _results(pgconn: PGconn) -> Generator[Any, Any, list[PGresult]]:
    """One result for each statement; those after a failed one only say that they were passed over."""
    results: list[PGresult] = []
    while (found := (yield from fetch_many(pgconn))) and found[0].status != _SYNC:
        results.append(found[0])
    return results


def _leave_pipeline(pgconn: PGconn) -> None:
    try:
        pgconn.exit_pipeline_mode()
    except errors.OperationalError:
        # Interrupted, with answers still on their way that nobody will read: of no use to anyone.
        pgconn.finish()


def _raise_first_error(connection: Connection[Any], results: list[PGresult]) -> None:
    for result in results:
        if result.status == _FAILED:
            error = errors.error_from_result(result)
            if isinstance(error, errors.InvalidSqlStatementName | errors.FeatureNotSupported):
                # Somebody else discarded our statements, or a migration changed what they return.
                _sessions.pop(connection, None)
            raise error


def _rows(transformer: Any, result: PGresult) -> Rows:
    if result.status != _TUPLES_OK:
        return []
    transformer.set_pgresult(result)
    rows: Rows = transformer.load_rows(0, result.ntuples, tuple)
    return rows
