"""What beat does for mail, digests and webhooks. Each task is safe to run late, twice and in parallel."""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab

BEAT: dict[str, dict[str, Any]] = {
    # the course of every trial: what a missed run left is still in its window
    "notifications.drips_sweep": {
        "task": "notifications.drips_sweep",
        "schedule": 600.0,
        "options": {"expires": 600.0},
    },
    # behind the message that each event sends: due retries, the first after five seconds, and lapsed claims
    "notifications.dispatch_webhooks": {
        "task": "notifications.dispatch_webhooks",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    # what arrived long ago
    "notifications.expire_deliveries": {
        "task": "notifications.expire_deliveries",
        "schedule": crontab(hour=3, minute=20),
        "options": {"expires": 3600.0},
    },
    # behind the message that each purchase sends: due retries and lapsed claims; the bus keeps each once
    "notifications.dispatch_bus": {
        "task": "notifications.dispatch_bus",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    # how far evaluators were told, by what the send log says
    "notifications.evidence_deliveries": {
        "task": "notifications.evidence_deliveries",
        "schedule": 120.0,
        "options": {"expires": 120.0},
    },
    # digests whose hour has come on their day: late rather than never
    "notifications.digests_sweep": {
        "task": "notifications.digests_sweep",
        "schedule": 600.0,
        "options": {"expires": 600.0},
    },
    # customers whose license ends: a step that was missed is made up for while it makes sense
    "notifications.notices_sweep": {
        "task": "notifications.notices_sweep",
        "schedule": 600.0,
        "options": {"expires": 600.0},
    },
    # behind the message that each commit sends: due retries, and what a dead worker left
    "notifications.sweep_mail": {
        "task": "notifications.sweep_mail",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
}
