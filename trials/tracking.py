"""Tasks by which evidence is followed (B14, B15), where a room above this one keeps any.

That room registers itself; without it, or while it is hidden, references stand as people typed them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from trials.domain.evidence.words import HandoffKind
from trials.models import Trial

TASK = "task:"
_shown: list[Callable[[], bool]] = []


def tracker_register(is_shown: Callable[[], bool]) -> None:
    """Called once, by the room that makes the tasks which events of evidence name."""
    _shown[:] = [is_shown]


def tasks_are_kept() -> bool:
    """Whether a task that evidence asks for is made, and seen by people."""
    return any(is_shown() for is_shown in _shown)


def task_ref(uid: uuid.UUID) -> str:
    return f"{TASK}{uid}"


def handoff_task(trial: Trial, kind: HandoffKind) -> uuid.UUID:
    """The task of a handoff: one for each team, whatever version of the follow-up asks for it."""
    return uuid.uuid5(trial.uid, f"handoff:{kind}")
