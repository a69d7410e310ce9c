"""The age of the beat: how long ago beat, broker and a worker last did something together."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from config.models import Heartbeat

BEAT = "beat"
LATE = timedelta(minutes=2)
"""An age at which several ticks have failed to arrive."""


@transaction.atomic
def beat_record(*, at: datetime) -> None:
    """Note that a tick sent by beat was run by a worker at `at`. An older instant never replaces a newer one."""
    if Heartbeat.objects.filter(name=BEAT, at__lt=at).update(at=at) == 0:
        Heartbeat.objects.get_or_create(name=BEAT, defaults={"at": at})


def beat_age(*, at: datetime) -> timedelta | None:
    """Return how long ago the last tick ran, None when none ever did. Reads one row."""
    beat = Heartbeat.objects.filter(name=BEAT).first()
    return None if beat is None else max(at - beat.at, timedelta())
