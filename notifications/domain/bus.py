"""What becomes of a message for the event bus after an attempt, and how it is called there (E20)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

EVENT: Final = "licenseoperator.license.issued"
"""The name of the event, as consumers of the License Operator know it."""
VERSION: Final = 1
"""Of the document. A member may be added within a version; one that changes or goes makes a new version."""

DELAYS: Final = (
    timedelta(seconds=5),
    timedelta(seconds=15),
    timedelta(minutes=1),
    timedelta(minutes=2),
    timedelta(minutes=5),
)
"""Waits after the first attempts; the last one counts for all that follow."""
REFUSALS: Final = 20
"""So many times a server that answers may say no, over more than an hour, before a person has to look."""
SPREAD: Final = 0.2


class Outcome(Enum):
    """What an attempt came to. present: the stream had it already, which is as good as stored."""

    STORED = "stored"
    PRESENT = "present"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of publishing one message. `detail` says why it did not go, in plain words."""

    outcome: Outcome
    stream: str = ""
    sequence: int | None = None
    detail: str = ""

    @property
    def arrived(self) -> bool:
        return self.outcome in {Outcome.STORED, Outcome.PRESENT}


def subject_of(prefix: str, message_id: str) -> str:
    """A subject of its own for each message: the stream keeps one message a subject, for good."""
    return f"{prefix}.{message_id}"


def next_attempt(
    answer: Answer, *, attempts: int, refusals: int, at: datetime, jitter: float
) -> datetime | None:
    """When a message that did not arrive is tried again; None when it is given up.

    A bus that does not answer is waited for without end: its outage loses nothing. `attempts` and `refusals`
    count this one; `jitter` is from 0 to 1.
    """
    if answer.outcome is Outcome.REFUSED and refusals >= REFUSALS:
        return None
    wait = DELAYS[min(max(attempts, 1), len(DELAYS)) - 1]
    return at + wait * (1 + SPREAD * jitter)
