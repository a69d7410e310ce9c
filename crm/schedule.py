"""Beat entries of the CRM."""

from __future__ import annotations

from celery.schedules import crontab

BEAT = {
    # behind the message that each change of the sync sends: what changed here, retries, lapsed claims
    "crm.sync": {"task": "crm.sync", "schedule": 30.0, "options": {"expires": 30.0}},
    "crm.expire_inbound": {
        "task": "crm.expire_inbound",
        "schedule": crontab(hour=3, minute=40),
        "options": {"expires": 3600.0},
    },
    "crm.enrich": {"task": "crm.enrich", "schedule": 3600.0, "options": {"expires": 3600.0}},
    # A day is over at midnight UTC; each run looks back over weeks, so that one is enough and more do no harm.
    "crm.count": {"task": "crm.count", "schedule": crontab(minute=5), "options": {"expires": 3600.0}},
}
