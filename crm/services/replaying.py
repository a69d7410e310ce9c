"""Reading history again from its first event: into empty tables it gives the same people and tasks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from crm.services.enriching import people_enrich
from crm.services.reading import READER
from history.models import Reader
from history.services import reader_run, sequence

BATCH = 1000


def history_replay(*, at: datetime, tell: Callable[[int], None] = lambda _position: None) -> int:
    """Begin at position 0 and read to the end of what is committed; return how many positions were passed.

    Safe to repeat and to interrupt: keys keep a task from being made twice, and what staff did to people and tasks
    stays. `tell` hears how far it is after each batch.
    """
    with transaction.atomic():
        Reader.objects.update_or_create(
            name=READER, defaults={"position": 0, "attempts": 0, "error": "", "moved_at": at}
        )
    sequence(at=at)
    passed = 0
    while moved := reader_run(READER, at=at, limit=BATCH):
        passed += moved
        tell(passed)
    people_enrich(at=at)
    return passed
