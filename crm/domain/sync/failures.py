"""Five classes of failure, read from any answer of an outside CRM: a status, headers and whatever body there is.

Sources: HubSpot's "Error handling" page (categories, `policyName`, 207 with `errors`), Twenty's REST exceptions
(`statusCode`, `error`, `messages`), RFC 9110 for Retry-After.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from math import isfinite
from typing import Any

LONGEST_WAIT = timedelta(hours=24)
DAILY_WAIT = timedelta(hours=1)
"""How long to leave a CRM alone whose limit of the day is used up, when it does not say."""
LONGEST_WORDS = 300
MOST_DIGITS = 9
OK = range(200, 300)
REDIRECTS = range(300, 400)
SERVER_FAULTS = range(500, 600)


class FailureClass(StrEnum):
    RATE_LIMITED = "rate_limited"  # wait, then go on; nobody's fault
    TRANSIENT = "transient"  # try again, each time later
    AUTHENTICATION = "authentication"  # stop the connection: a person must act
    REJECTED = "rejected"  # this record, as it is, will never be taken
    GONE = "gone"  # it was deleted over there, or merged away: never made again


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something was not done. `words` are for staff, without anything secret. `wait` only when told to.

    `whole`: it is about the CRM, not about the record that met it. `ours`: our own budget was used up. `skipped`:
    the record was not tried, because one before it failed so.
    """

    kind: FailureClass
    words: str
    wait: timedelta | None = None
    whole: bool = False
    ours: bool = False
    skipped: bool = False

    @property
    def is_general(self) -> bool:
        """Whether the next record would be likely to meet it, too: then the rest of a batch is not tried."""
        return self.kind in {FailureClass.RATE_LIMITED, FailureClass.TRANSIENT, FailureClass.AUTHENTICATION}


_RATE_WORDS = ("rate_limit", "ratelimit", "rate limit", "limit_exceeded", "too many requests", "throttle")
_AUTH_WORDS = (
    "invalid_authentication", "expired_authentication", "missing_scopes", "unauthenticated", "revoked_token",
    "banned", "forbiddenexception", "unauthorizedexception",
)  # fmt: skip
_GONE_WORDS = ("object_not_found", "object_already_deleted", "resource_not_found", "record not found")
_PASSING_WORDS = ("migration_in_progress", "timeout", "lock_timeout", "deadlock")


def failure_of(
    status: int | None, headers: Mapping[str, str], body: bytes, *, at: datetime, one: bool = False
) -> Failure | None:
    """What is wrong with an answer to a request; None for success. `headers` have lower-case names.

    A status of None is no answer at all. A page of HTML is no answer of an API, whatever its status: a proxy,
    a login page or an outage speaks, and no record is refused or buried for it. An empty body of a success is
    a failure, too: it tells no ids. `one`: the request was about one record, so that "not found" is about it.
    """
    if status is None:
        return Failure(FailureClass.TRANSIENT, "There was no answer.")
    said = answer_json(body)
    if status in OK:
        return None if said is not None else Failure(FailureClass.TRANSIENT, _not_json(status, headers, body))
    words = _words(status, said) if said is not None else _not_json(status, headers, body)
    found = failure_of_words(status, _marks(said), words, wait=_wait(headers, said, at))
    about_record = said is not None and (one or found.kind is not FailureClass.GONE)
    if found.is_general or about_record:
        return found
    return Failure(FailureClass.TRANSIENT, found.words)


def failure_of_words(status: int | None, marks: str, words: str, *, wait: timedelta | None = None) -> Failure:
    """Classify one error by its status and the marks in it, such as a category. For parts of a batch, too."""
    found = _class_of(status, marks.lower())
    words = words[:LONGEST_WORDS]
    return Failure(
        found, words, wait if found in {FailureClass.RATE_LIMITED, FailureClass.TRANSIENT} else None
    )


def answer_json(body: bytes) -> Any:
    """The JSON object or list of a body, as a database takes it; None when it is none, whatever its content type."""
    text = body.strip()
    if not text.startswith((b"{", b"[")):
        return None
    try:
        return _storable(json.loads(text))
    except (ValueError, RecursionError):
        return None


def _storable(said: Any) -> Any:
    """Without what JSON can spell and no database keeps: NUL, halves of a character, numbers that are none."""
    if isinstance(said, str):
        return said.encode("utf-8", "replace").decode().replace("\x00", "")
    if isinstance(said, dict):
        return {_storable(name): _storable(value) for name, value in said.items()}
    if isinstance(said, list):
        return [_storable(value) for value in said]
    return None if isinstance(said, float) and not isfinite(said) else said


def wait_asked(text: str, *, at: datetime) -> timedelta | None:
    """Read a Retry-After, seconds or a date (RFC 9110 §10.2.3), as a wait of up to `LONGEST_WAIT`; None: none."""
    text = text.strip()
    if text.isascii() and re.fullmatch(r"\d+(\.\d+)?", text):
        seconds = float(text) if len(text) <= MOST_DIGITS else float(10**MOST_DIGITS)
        return min(timedelta(seconds=seconds), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(until - at, timedelta(0)), LONGEST_WAIT)


def _class_of(status: int | None, marks: str) -> FailureClass:
    if status == 429 or any(word in marks for word in _RATE_WORDS):  # noqa: PLR2004 - RFC 6585
        return FailureClass.RATE_LIMITED
    if status in {401, 403} or any(word in marks for word in _AUTH_WORDS):
        return FailureClass.AUTHENTICATION
    if status in {404, 410} or any(word in marks for word in _GONE_WORDS):
        return FailureClass.GONE
    if status is None or status in SERVER_FAULTS or status in {408, 423, 425, 477}:
        return FailureClass.TRANSIENT
    if status in REDIRECTS or status < 200:  # noqa: PLR2004 - no answer of an API
        return FailureClass.TRANSIENT
    return FailureClass.TRANSIENT if any(word in marks for word in _PASSING_WORDS) else FailureClass.REJECTED


def _wait(headers: Mapping[str, str], said: Any, at: datetime) -> timedelta | None:
    asked = wait_asked(headers.get("retry-after", ""), at=at)
    if asked is not None:
        return asked
    daily = isinstance(said, dict) and str(said.get("policyName", "")).upper() == "DAILY"
    return DAILY_WAIT if daily else None


def _marks(said: Any) -> str:
    """Where an error document says of which sort it is."""
    if not isinstance(said, dict):
        return ""
    names = ("category", "errorType", "subCategory", "error", "code", "policyName")
    return " ".join(str(said[name]) for name in names if isinstance(said.get(name), (str, int)))


def _words(status: int, said: Any) -> str:
    found = said_words(said)
    return f"{status}: {found}" if found else f"Answered {status} without saying why."


def said_words(said: Any) -> str:
    """The sentence of an error document, on one line; empty when there is none."""
    if not isinstance(said, dict):
        return ""
    messages = said.get("messages")
    text = said.get("message") or (messages[0] if isinstance(messages, list) and messages else "")
    return printable(str(text))[:LONGEST_WORDS]


def printable(text: str) -> str:
    """Text that a database and a page take."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _not_json(status: int, headers: Mapping[str, str], body: bytes) -> str:
    if not body.strip():
        return f"Answered {status} with an empty body."
    kind = printable(headers.get("content-type", "")).partition(";")[0][:60] or "something else"
    return f"Answered {status} with {kind} instead of JSON."
