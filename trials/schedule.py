"""Beat entries of trials."""

from __future__ import annotations

from celery.schedules import crontab

BEAT = {
    "trials.sweep": {"task": "trials.sweep", "schedule": 600.0, "options": {"expires": 600.0}},
    # behind the sweeps of posture and drips, ahead of the staff digest of the hour
    "trials.evidence": {
        "task": "trials.evidence",
        "schedule": crontab(minute=50),
        "options": {"expires": 3600.0},
    },
}
