"""How likely a customer goes on, from what is known of its license: a word, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Health(StrEnum):
    """The worse, the later."""

    GOOD = "good"
    WATCH = "watch"
    AT_RISK = "at risk"


SILENT = timedelta(days=30)
QUIET = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known. `cap_state` is the furthest of its installations; `failing`: its last payment failed."""

    last_seen_at: datetime | None
    cap_state: str = ""
    failing: bool = False


def health_of(signs: Signs, now: datetime) -> tuple[Health, str]:
    """A silent customer and a failing payment are risks; a customer that outgrows its license is not."""
    if signs.failing:
        return Health.AT_RISK, "its payment fails"
    if signs.last_seen_at is None:
        return Health.AT_RISK, "never seen"
    silent = now - signs.last_seen_at
    if silent >= SILENT:
        return Health.AT_RISK, f"silent for {silent.days} days"
    if silent >= QUIET:
        return Health.WATCH, f"silent for {silent.days} days"
    if signs.cap_state in {"notice", "escalated"}:
        return Health.GOOD, "in use, outgrows its license"
    return Health.GOOD, "in use"
