"""The closed lists of words of the CRM."""

from __future__ import annotations

from enum import StrEnum


class TaskKind(StrEnum):
    """What a task is about. All but the last are made by the reader of history or the daily job."""

    STUCK = "stuck"
    DORMANT = "dormant"
    PILOT_READY = "pilot_ready"
    OVER_CAP = "over_cap"
    EXPIRED = "expired"
    PAYMENT_FAILED = "payment_failed"
    RENEWAL_DUE = "renewal_due"
    EVIDENCE_OVERDUE = "evidence_overdue"
    TRAFFIC = "traffic"
    FOLLOW_UP = "follow_up"


class TaskStatus(StrEnum):
    """In the order of the board. Dropped: it needs doing no more, by word of staff or of what happened."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    DROPPED = "dropped"


ONGOING = (TaskStatus.OPEN, TaskStatus.IN_PROGRESS)


class Consent(StrEnum):
    """May we write to this person about more than their own licenses?"""

    UNKNOWN = "unknown"
    GIVEN = "given"
    WITHDRAWN = "withdrawn"


class Origin(StrEnum):
    """How a person came to be known."""

    TRIAL = "trial"
    PURCHASE = "purchase"
    ACCOUNT = "account"
    STAFF = "staff"
    API = "api"
    OUTSIDE = "outside"
