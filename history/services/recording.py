"""Writing an event down, in the transaction of the change it tells of."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import transaction

from config.kit.enqueue import debounce
from config.kit.errors import Refusal
from config.kit.ids import uuid7
from config.kit.statements import insert, insert_rows
from history.domain import screening
from history.domain.kinds import KINDS
from history.models import Event

BATCH = 1000
COLUMNS = ("uid", "kind", "subject", "account", "actor", "data", "at")


class InvalidEvent(Refusal):
    """The caller's mistake, not the user's: an event that may not stand in the history."""

    code = "invalid_event"
    status = 500
    title = "An event is not fit for the history."


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to be written by `record_many`; the fields are those of `record`."""

    kind: str
    subject: str
    actor: str
    at: datetime
    account: str = ""
    data: dict[str, Any] = field(default_factory=dict)


def record(
    *, kind: str, subject: str, account: str = "", actor: str, data: dict[str, Any], at: datetime
) -> Event:
    """Write one event in the open transaction, in one query, and have it sequenced after the commit.

    `kind` is one of `history.domain.kinds`; `subject` is `<type>:<id>`; `account` is the customer id or
    empty; `actor` is from `config.kit.actors`; `data` holds ids, states, counts and hashes only (see
    `history.domain.screening`); `at` is aware. Raises InvalidEvent, also when no transaction is open.
    """
    _check(kind=kind, subject=subject, account=account, actor=actor, data=data, at=at)
    _demand_transaction()
    event = Event(kind=str(kind), subject=subject, account=account, actor=actor, data=data, at=at)
    insert(event)
    debounce("history.sequence")
    return event


def record_many(events: Iterable[NewEvent]) -> int:
    """Write many events in the open transaction, a thousand a query; return how many. As `record`."""
    _demand_transaction()
    rows, done = map(_row, events), 0
    while batch := list(islice(rows, BATCH)):
        insert_rows(Event, COLUMNS, batch)
        done += len(batch)
    debounce("history.sequence")
    return done


def _row(new: NewEvent) -> tuple[Any, ...]:
    """The values of `COLUMNS`."""
    _check(kind=new.kind, subject=new.subject, account=new.account, actor=new.actor, data=new.data, at=new.at)
    return uuid7(), str(new.kind), new.subject, new.account, new.actor, json.dumps(new.data), new.at


def _check(*, kind: str, subject: str, account: str, actor: str, data: dict[str, Any], at: datetime) -> None:
    if kind not in KINDS:
        raise InvalidEvent(f"{kind!r} is not a kind of event.")
    if at.tzinfo is None:
        raise InvalidEvent("The instant of an event must be aware.")
    try:
        screening.check_subject(subject)
        screening.check_account(account)
        screening.check_actor(actor)
        screening.check_data(data)
    except screening.UnfitError as error:
        raise InvalidEvent(f"{kind}: {error}.") from error


def _demand_transaction() -> None:
    # Without one, a change could be kept and its event lost, or the reverse.
    if not transaction.get_connection().in_atomic_block:
        raise InvalidEvent("An event is recorded in the transaction of the change it tells of.")
