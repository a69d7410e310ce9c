"""What beat does for this app."""

from __future__ import annotations

from typing import Any

BEAT: dict[str, dict[str, Any]] = {
    # an answer past its time is ignored anyway; this only keeps the table small
    "accounts.forget_idempotency": {"task": "accounts.forget_idempotency", "schedule": 3600.0},
    # rows that a hand which did not know wrote to a closed account; its winner is found meanwhile anyway
    "accounts.move_strays": {"task": "accounts.move_strays", "schedule": 3600.0},
}
