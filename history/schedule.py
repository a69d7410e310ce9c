"""What beat does for the history. Each task is safe to run late, twice and in parallel."""

from __future__ import annotations

from typing import Any

BEAT: dict[str, dict[str, Any]] = {
    # behind the message that each commit sends: finds what a lost message left
    "history.sequence": {"task": "history.sequence", "schedule": 5.0},
    "history.read_feeds": {"task": "history.read_feeds", "schedule": 5.0},
    "history.checkpoint": {"task": "history.checkpoint", "schedule": 60.0},
}
