"""What a connector can do: say which fields there are, look records up, write them. And how it reaches out.

Looking comes before writing, always: so nothing that was deleted over there is made again, what others typed
is seen before it would be lost, and a record that was written before a crash is found instead of doubled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from config.kit.outgoing import Answer, NotSent, Resolve, resolve, send
from crm.domain.sync.failures import Failure, FailureClass, answer_json, failure_of
from crm.domain.sync.fields import ObjectKind, RemoteField

MOST_BYTES = 8 * 1024 * 1024
SECONDS = 20.0
LONGEST_URL = 8000
"""With the question in it; what is typed by people is far shorter."""
AGENT = "Signet-CRM-Sync/1"
T = TypeVar("T")


class Keyed(Protocol):
    @property
    def key(self) -> str: ...


K = TypeVar("K", bound=Keyed)


@dataclass(frozen=True, slots=True)
class Ref:
    """A record to look up. `key` is ours. `retried`: it may have been written before without our knowing."""

    key: str
    external_id: str = ""
    identity: str = ""
    retried: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What stands over there. Without an `external_id` it is not there; `deleted`: it was, and is to stay away."""

    external_id: str = ""
    deleted: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """A record to write: made, unless it has an `external_id`. `links` are other records' ids over there."""

    key: str
    external_id: str
    identity: str
    values: Mapping[str, Any]
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    external_id: str


Looked = dict[str, Seen | Failure]
Wrote = dict[str, Written | Failure]


class Connector(Protocol):
    """One outside CRM. Each answer has an entry for every record that was asked about; nothing is raised."""

    def detect(self) -> dict[ObjectKind, list[RemoteField]] | Failure: ...

    def workspace(self) -> str | Failure:
        """Whose records the credential shows, as an id; empty where nobody needs to ask."""
        ...

    def look(self, kind: ObjectKind, refs: Sequence[Ref], names: Sequence[str]) -> Looked: ...

    def write(self, kind: ObjectKind, changes: Sequence[Change]) -> Wrote: ...


class Held(Exception):
    """The shared budget is used up for now: nothing was asked."""

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        super().__init__()


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach one connection's CRM. `spend` is called before every request and may raise Held."""

    base: str
    token: str = field(repr=False)
    spend: Callable[[], None]
    clock: Callable[[], datetime]
    insecure: bool = False
    resolver: Resolve = resolve
    seconds: float = SECONDS
    names: Mapping[str, Any] = field(default_factory=dict)
    """What was detected besides fields, such as how a relation is called here."""

    def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer | Failure:
        """Make one request within the budget. Never raises."""
        try:
            self.spend()
            return send(
                method, url, {"User-Agent": AGENT, **headers}, body,
                most=MOST_BYTES, insecure=self.insecure, resolver=self.resolver, seconds=self.seconds,
                longest=LONGEST_URL,
            )  # fmt: skip
        except Held as held:
            words = "Our budget of requests is used up."
            return Failure(FailureClass.RATE_LIMITED, words, held.wait, whole=True, ours=True)
        except NotSent as error:
            return Failure(FailureClass.TRANSIENT, str(error))

    def judge(self, answer: Answer | Failure, *, one: bool = False, alone: bool = False) -> Any | Failure:
        """The JSON of an answer, or why there is none of use.

        `one`: the address of the request was a record's. `alone`: no other record was in it, so that what fails
        may be the record's own fault.
        """
        if isinstance(answer, Failure):
            failure: Failure | None = answer
        else:
            failure = failure_of(answer.status, answer.headers, answer.body, at=self.clock(), one=one)
        if failure is None:
            return answer_json(answer.body) if isinstance(answer, Answer) else None
        own = (one or alone) and failure.kind not in {FailureClass.RATE_LIMITED, FailureClass.AUTHENTICATION}
        return replace(failure, whole=failure.is_general and not own)


def encoded(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def pieces(items: Sequence[T], most: int) -> Iterable[Sequence[T]]:
    return (items[start : start + most] for start in range(0, len(items), most))


def first_general(found: Mapping[str, Any]) -> Failure | None:
    """A failure that the next request would meet, too."""
    return next((one for one in found.values() if isinstance(one, Failure) and one.is_general), None)


def the_rest(items: Iterable[Keyed], found: dict[str, Any], failed: Failure) -> dict[str, Any]:
    """What was found, and of each that has no answer yet that it was not tried."""
    left = replace(failed, skipped=not failed.whole)
    return found | {item.key: left for item in items if item.key not in found}


def by_halves(items: Sequence[K], ask: Callable[[Sequence[K]], dict[str, Any]]) -> dict[str, Any]:
    """Ask about a batch; when it is refused as a whole, find the bad record by halving: the others shall arrive."""
    found = ask(items)
    refused = all(isinstance(one, Failure) and not one.is_general for one in found.values())
    if len(items) == 1 or not refused or len({id(one) for one in found.values()}) > 1:
        return found
    middle = len(items) // 2
    found = by_halves(items[:middle], ask)
    if (failed := first_general(found)) is not None:
        return the_rest(items, found, failed)
    return found | by_halves(items[middle:], ask)


def rows_of(said: Any, *path: str) -> list[dict[str, Any]] | Failure:
    """The records of a list somewhere in an answer. An answer of another shape says nothing about any record:
    it must not look as if all of them were gone.
    """
    for name in path:
        said = said.get(name) if isinstance(said, dict) else None
    if not isinstance(said, list):
        return Failure(FailureClass.TRANSIENT, "The answer has another shape than it should.", whole=True)
    return [row for row in said if isinstance(row, dict) and row.get("id")]


def listed(said: Any, *path: str) -> list[dict[str, Any]]:
    """The objects of a list somewhere in an answer; an answer of another shape has none."""
    for name in path:
        said = said.get(name) if isinstance(said, dict) else None
    return [item for item in said if isinstance(item, dict)] if isinstance(said, list) else []
