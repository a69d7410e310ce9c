"""Answers kept under an `Idempotency-Key`, so that a repeated call does nothing twice.

The change that a call makes, its event and the kept answer commit in one transaction. A process killed at
any instant therefore leaves all of them or none, and the next call with the key finds a clean table: there
is no claim to expire and none to take over. While a call runs, its key is held by a lock that the database
drops by itself when the connection dies:

- PostgreSQL: a transaction-level advisory lock, asked for without waiting;
- MariaDB: a named lock (GET_LOCK), asked for without waiting and given back after the commit;
- SQLite: its one write lock. A parallel call waits for the first and then gets its answer.

The unique constraint on client and key stands behind these. The price is that such a call may not talk to
another machine: what it wants there becomes a row and is done after the commit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from accounts.errors import (
    FormSentBefore,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    IdempotencyOtherGroups,
)
from accounts.models import IdempotentRequest
from accounts.selectors import slug_now
from config.kit.sealing import seal, unseal

MAX_CLIENT = 100
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: status, the headers worth repeating, the body's bytes."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """One use of a key. `fingerprint` is the SHA-256 of method, path and body.

    `sight` are the groups that the caller sees, None for every group.
    """

    client: str
    key: str
    fingerprint: str
    sight: frozenset[str] | None


def claim(
    *, client: str, key: str, method: str, path: str, body: Any, sight: frozenset[str] | None = None
) -> Claim:
    """Describe a use of a key. `body` is the parsed JSON: its spelling does not matter, its content does."""
    text = json.dumps([method, path, body], sort_keys=True, separators=(",", ":"))
    if len(client) > MAX_CLIENT or not (client.isascii() and client.isprintable()):
        client = hashlib.sha256(client.encode()).hexdigest()
    return Claim(client, key, hashlib.sha256(text.encode()).hexdigest(), sight)


@contextmanager
def held(use: Claim) -> Iterator[None]:
    """Open the transaction of the call and hold its key until the commit.

    Raises IdempotencyInProgress (409) when another call holds it.
    """
    name = hashlib.sha256(f"{connection.settings_dict['NAME']}\n{use.client}\n{use.key}".encode()).hexdigest()
    if connection.vendor == "mysql":
        with _named_lock(name), transaction.atomic(durable=True):
            yield
        return
    with transaction.atomic(durable=True):
        if connection.vendor == "postgresql":
            number = int.from_bytes(bytes.fromhex(name[:16]), signed=True)
            _demand("SELECT pg_try_advisory_xact_lock(%s)", [number])
        yield


def answer_find(use: Claim, *, at: datetime) -> Answer | None:
    """Return the kept answer of a key, None for a key that is new or forgotten.

    Call it inside `held`. Raises IdempotencyKeyReused (422) when the key stands for another request, and
    IdempotencyOtherGroups (403) when the caller sees less than who made it: the name of a client stays when
    its groups change, and the answer is still that of the groups it had.
    """
    row = IdempotentRequest.objects.filter(client=use.client, key=use.key).first()
    if row is None:
        return None
    if row.started_at <= at - _kept():
        row.delete()
        return None
    if (row.key, row.fingerprint) != (use.key, use.fingerprint):
        raise IdempotencyKeyReused
    text, _, body = unseal(bytes(row.answer)).partition(b"\n")
    head = json.loads(text)
    _demand_sight(use.sight, head["sight"])
    return Answer(row.status, head["headers"], body)


def _demand_sight(now: frozenset[str] | None, then: list[str] | None) -> None:
    """A group that was merged is seen by who sees the one that took over. Raises IdempotencyOtherGroups."""
    if now is None:
        return
    if then is None or any(group not in now and slug_now(group) not in now for group in then):
        raise IdempotencyOtherGroups


def answer_keep(
    use: Claim, *, status: int, headers: Mapping[str, str], body: bytes, at: datetime
) -> IdempotentRequest:
    """Keep an answer, sealed. Call it inside `held`. Raises SealingKeyMissing (503)."""
    head = {"headers": dict(headers), "sight": None if use.sight is None else sorted(use.sight)}
    return IdempotentRequest.objects.create(
        client=use.client,
        key=use.key,
        fingerprint=use.fingerprint,
        status=status,
        answer=seal(json.dumps(head).encode() + b"\n" + body),
        started_at=at,
    )


def form_once(*, client: str, key: str, at: datetime) -> None:
    """Use up the key of a form that was shown, in the transaction of what it asks for: that happens once.

    Raises FormSentBefore, for the second of two parallel presses after the first has committed.
    """
    try:
        with transaction.atomic():
            IdempotentRequest.objects.create(
                client=client,
                key=hashlib.sha256(key.encode()).hexdigest(),
                fingerprint="",
                status=200,
                answer=seal(b""),
                started_at=at,
            )
    except IntegrityError as error:
        raise FormSentBefore from error


def answer_forget(use: Claim) -> None:
    """Free a key whose call came to nothing after it was kept."""
    IdempotentRequest.objects.filter(client=use.client, key=use.key, fingerprint=use.fingerprint).delete()


def answers_forget(*, at: datetime) -> int:
    """Delete one batch of answers older than IDEMPOTENCY_HOURS; return how many."""
    old = IdempotentRequest.objects.filter(started_at__lte=at - _kept()).order_by("started_at")
    ids = list(old.values_list("pk", flat=True)[:BATCH])
    return IdempotentRequest.objects.filter(pk__in=ids).delete()[0]


def _kept() -> timedelta:
    return timedelta(hours=settings.IDEMPOTENCY_HOURS)


@contextmanager
def _named_lock(name: str) -> Iterator[None]:
    _demand("SELECT GET_LOCK(%s, 0)", [name])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT RELEASE_LOCK(%s)", [name])


def _demand(query: str, values: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        row = cursor.fetchone()
    if not row or not row[0]:
        raise IdempotencyInProgress
