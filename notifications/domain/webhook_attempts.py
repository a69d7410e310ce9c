"""What becomes of a delivery after an attempt: when to try again, when to give up, when to switch off."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum

# The schedule of Standard Webhooks, each counted from the attempt before.
DELAYS = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
ATTEMPTS = len(DELAYS)
JITTER = 0.2
"""Longest prolongation of a delay, as a part of it: receivers that fell over together are not hit together."""
LONGEST_WAIT = timedelta(hours=24)
FAILING_FOR = timedelta(days=5)
"""An endpoint at which every attempt fails for so long is switched off."""
SUCCESS = range(200, 300)
GONE = 410
ASKS_TO_WAIT = frozenset({429, 503})
MOST_DIGITS = 9


class Outcome(Enum):
    DELIVERED = "delivered"
    AGAIN = "again"
    DEAD = "dead"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do next. `due_at` is set with AGAIN only."""

    outcome: Outcome
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of a request: a status, or an error in plain words. `text` is its start."""

    status: int | None = None
    error: str = ""
    text: str = ""
    retry_after: str = ""
    duration_ms: int = 0

    @property
    def accepted(self) -> bool:
        return self.status in SUCCESS


def decide(answer: Answer, *, made: int, seed: str, at: datetime, attempts: int = ATTEMPTS) -> Decision:
    """Judge the answer to attempt number `made` (from 1). `seed` tells deliveries apart for the jitter."""
    if answer.accepted:
        return Decision(Outcome.DELIVERED)
    if answer.status == GONE:
        return Decision(Outcome.GONE)
    if made >= attempts:
        return Decision(Outcome.DEAD)
    wait = DELAYS[made] * (1 + JITTER * _fraction(f"{seed}:{made}"))
    if answer.status in ASKS_TO_WAIT:
        wait = max(wait, wait_asked(answer.retry_after, at=at))
    return Decision(Outcome.AGAIN, at + wait)


def wait_asked(text: str, *, at: datetime) -> timedelta:
    """Read a Retry-After, seconds or a date (RFC 9110 §10.2.3), as a wait of 0 to `LONGEST_WAIT`."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        seconds = int(text) if len(text) <= MOST_DIGITS else 10**MOST_DIGITS
        return min(timedelta(seconds=seconds), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return timedelta(0)
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(until - at, timedelta(0)), LONGEST_WAIT)


def is_worn_out(failing_since: datetime | None, *, at: datetime) -> bool:
    """Whether an endpoint has failed long enough to be switched off."""
    return failing_since is not None and at - failing_since >= FAILING_FOR


def _fraction(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48
