"""Beat entries of the license office."""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab
from django.conf import settings

BEAT: dict[str, Any] = {
    "licenses.posture_sweep": {"task": "licenses.posture_sweep", "schedule": 300.0},
    "licenses.activations_sweep": {"task": "licenses.activations_sweep", "schedule": 300.0},
    "licenses.node_cap_sweep": {"task": "licenses.node_cap_sweep", "schedule": 300.0},
    "licenses.jobs_sweep": {"task": "licenses.jobs_sweep", "schedule": 60.0},
    "licenses.artifacts_expire": {"task": "licenses.artifacts_expire", "schedule": crontab(hour=3, minute=0)},
    "licenses.selflicense_refresh": {
        "task": "licenses.selflicense_refresh",
        "schedule": 60.0 * settings.SELF_LICENSE_REFRESH_MINUTES,
    },
    "licenses.reissue_revoked": {"task": "licenses.reissue_revoked", "schedule": crontab(minute=17)},
}
if settings.HEARTBEAT_BUFFER:
    BEAT["licenses.beats_drain"] = {
        "task": "licenses.beats_drain",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    }
