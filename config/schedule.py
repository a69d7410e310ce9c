"""What beat sends on behalf of the composition."""

from __future__ import annotations

from typing import Any

EVERY = 30.0
"""Seconds between two ticks."""

BEAT: dict[str, Any] = {
    "config.beat_tick": {
        "task": "config.beat_tick",
        "schedule": EVERY,
        # after an outage the ticks of the past mean nothing
        "options": {"expires": EVERY},
    },
    # what the first page of a large office shows
    "config.refresh_figures": {
        "task": "config.refresh_figures",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
}
