"""When a record is tried again, and how fast a CRM may be asked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from crm.domain.sync.failures import Failure, FailureClass

DELAYS = tuple(timedelta(seconds=s) for s in (30, 120, 600, 1800, 3600, 7200, 14400, 28800, 43200))
ATTEMPTS = len(DELAYS) + 1
"""Attempts of a record whose failures pass: over a day, then it waits for a person."""
JITTER = 0.25
"""Longest prolongation of a wait, as a part of it: what failed together does not come back together."""
UNTOLD_WAIT = timedelta(seconds=30)
SHORTEST_WAIT = timedelta(milliseconds=1)
"""A wait that is rounded to nothing would be a request for nothing."""
BURST_PART = 10
"""A tenth of the budget may be spent at once, the rest comes back evenly."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try a record again then. `counts` whether this attempt was one of its own."""

    due_at: datetime
    counts: bool = True


def next_try(failure: Failure, *, made: int, seed: str, at: datetime) -> Again | None:
    """When to try again after attempt number `made` (from 1); None: it waits for a person, or for nobody.

    A limit of the other side's costs no attempt. Authentication stops the connection and costs none either:
    the record goes out once somebody has put it right.
    """
    stretch = 1 + JITTER * _fraction(f"{seed}:{made}")
    match failure.kind:
        case FailureClass.RATE_LIMITED:
            wait = failure.wait if failure.wait is not None else UNTOLD_WAIT
            return Again(at + wait, counts=False)
        case FailureClass.AUTHENTICATION:
            return Again(at, counts=False)
        case FailureClass.TRANSIENT if made < ATTEMPTS:
            wait = DELAYS[made - 1] * stretch
            return Again(at + max(wait, failure.wait or wait))
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Budget:
    """A bucket of requests: `most` in any span of `seconds`, shared by all who ask one CRM.

    It holds a tenth of them; what is left of the span's number flows in evenly. So in no span of that
    length, wherever it begins, are there more.
    """

    most: int
    seconds: int
    left: float
    as_of: datetime

    @property
    def size(self) -> int:
        return max(1, self.most // BURST_PART)

    @property
    def per_second(self) -> float:
        return max(self.most - self.size, 1) / self.seconds

    def filled(self, at: datetime) -> Budget:
        """The bucket as it is at an instant; a clock that went back gives nothing and takes nothing."""
        passed = (at - self.as_of).total_seconds()
        if passed <= 0:
            return replace(self, left=min(self.size, self.left))
        return replace(self, left=min(self.size, self.left + passed * self.per_second), as_of=at)

    def take(self, at: datetime) -> tuple[Budget, timedelta]:
        """Take one request out; return the bucket then and zero, or the same and how long to wait."""
        now = self.filled(at)
        if now.left >= 1:
            return replace(now, left=now.left - 1), timedelta(0)
        return now, max(timedelta(seconds=(1 - now.left) / self.per_second), SHORTEST_WAIT)


def _fraction(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48
