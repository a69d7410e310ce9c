"""Beat entries of billing."""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab

BEAT: dict[str, Any] = {
    # behind the messages that stored events send: due retries, and what a dead worker left
    "billing.sweep_inbox": {
        "task": "billing.sweep_inbox",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    # past due for longer than the billing grace: late rather than never
    "billing.lapse_subscriptions": {
        "task": "billing.lapse_subscriptions",
        "schedule": 600.0,
        "options": {"expires": 600.0},
    },
    "billing.expire_events": {"task": "billing.expire_events", "schedule": crontab(hour=3, minute=20)},
    "billing.maintenance_go_on": {
        "task": "billing.maintenance_go_on",
        "schedule": crontab(hour=3, minute=40),
    },
    "billing.checkouts_reap": {
        "task": "billing.checkouts_reap",
        "schedule": 300.0,
        "options": {"expires": 300.0},
    },
    "billing.tier_changes_tell": {
        "task": "billing.tier_changes_tell",
        "schedule": 300.0,
        "options": {"expires": 300.0},
    },
    "billing.tier_changes_due": {
        "task": "billing.tier_changes_due",
        "schedule": 600.0,
        "options": {"expires": 600.0},
    },
}
