"""Beat entries of the CRM."""

from __future__ import annotations

from celery.schedules import crontab

BEAT = {
    "crm.enrich": {"task": "crm.enrich", "schedule": 3600.0, "options": {"expires": 3600.0}},
    # A day is over at midnight UTC; each run looks back over weeks, so that one is enough and more do no harm.
    "crm.count": {"task": "crm.count", "schedule": crontab(minute=5), "options": {"expires": 3600.0}},
}
