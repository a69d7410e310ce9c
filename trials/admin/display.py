"""How engagement, time left and origins look."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils.safestring import SafeString

from config.kit.display import label
from licenses.admin.facts import away
from trials.models import Trial, TrialProgram, TrialRequest

Engagement, State = Trial.Engagement, TrialRequest.State
ENGAGEMENT_TONES = {
    Engagement.STUCK: "danger",
    Engagement.ACTIVE: "info",
    Engagement.DORMANT: "warning",
    Engagement.PILOT_READY: "success",
    Engagement.CONVERTED: "success",
}
STATE_TONES = {
    State.WAITING: "warning",
    State.MORE_ASKED: "info",
    State.GRANTED: "success",
    State.DENIED: "danger",
}
SOON = 7
MEANS = {
    Engagement.REQUESTED: "Has its license; no heartbeat yet.",
    Engagement.STUCK: "Has its license, and was not heard within the time of its program.",
    Engagement.ACTIVE: "Its installation is heard.",
    Engagement.DORMANT: "It was heard, and has been silent since.",
    Engagement.PILOT_READY: "In use: the moment to talk about a pilot.",
    Engagement.CONVERTED: "It led to a purchase.",
    Engagement.LOST: "It ended before its time.",
    Engagement.EXPIRED: "It ran out.",
}


ATTENTION_MEANS = {
    Trial.Attention.STUCK: "Nothing was heard for days since it began: somebody should ask what is in the way.",
    Trial.Attention.DORMANT_PAID: "It led to a purchase, and nothing was heard for weeks: somebody should ask why.",
}


def engagement_label(row: Trial) -> SafeString:
    return label(row.get_engagement_display().lower(), ENGAGEMENT_TONES.get(Engagement(row.engagement), ""))


def attention_label(row: Trial) -> SafeString | str:
    """That somebody should look, as a label; nothing for most trials."""
    return label(row.get_attention_display().lower(), "danger") if row.attention else ""


def state_label(row: TrialRequest) -> SafeString:
    return label(row.get_state_display().lower(), STATE_TONES.get(State(row.state), ""))


def days_left(row: Trial, at: datetime) -> int:
    """Whole days until the end, the day that has begun included."""
    return max(-((at - row.ends_at) // timedelta(days=1)), 0)


def left_in_words(row: Trial, at: datetime) -> str:
    """How long a trial still runs, or how it ended."""
    if row.ended_at is not None:
        return row.get_outcome_display().lower()
    number = days_left(row, at)
    return f"{_counted(number, 'day')} left" if number else "over"


def left_label(row: Trial, at: datetime) -> SafeString:
    """The time left as a label; a trial that ended has none left."""
    soon = row.ended_at is None and days_left(row, at) <= SOON
    return label(left_in_words(row, at), "warning" if soon else "")


def ago(then: datetime | None, at: datetime, *, none: str = "never") -> str:
    """How long ago something was."""
    if then is None:
        return none
    return away(then, at) if then < at else "just now"


def touch_in_words(touch: Mapping[str, Any]) -> str:
    """Where somebody came from: source, medium and campaign as the link said."""
    parts = [str(touch[name]) for name in ("source", "medium", "campaign") if touch.get(name)]
    when = str(touch.get("at", ""))[:10]
    return " / ".join(parts) + (f", {when}" if when and parts else "")


def shape_in_words(program: TrialProgram) -> str:
    """What a program gives: days, seats and nodes."""
    limits = ((program.seats, "seat"), (program.nodes, "node"))
    parts = [_counted(program.duration_days, "day")]
    parts += [_counted(number, name) if number else f"unlimited {name}s" for number, name in limits]
    return ", ".join(parts)


def _counted(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"
