"""When a mail that could not be handed over is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

DELAYS: Final = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=12),
)
SPREAD: Final = 0.25
"""A delay grows by up to a quarter, so that what failed together does not come back together."""

CLAIM: Final = timedelta(minutes=10)
"""How long a worker may be at a message before another takes it for dead. Longer than a task may run."""


def next_try(attempts: int, *, at: datetime, jitter: float) -> datetime | None:
    """When to try again after so many attempts, None when it is enough. `jitter` is from 0 to 1."""
    if attempts > len(DELAYS):
        return None
    return at + DELAYS[max(attempts, 1) - 1] * (1 + SPREAD * jitter)
