"""Adapters between Celery and the services."""

from __future__ import annotations

from celery import shared_task

from config.kit.clock import now
from config.kit.enqueue import enqueue
from history.services import checkpoints, feed, sequencing


@shared_task(name="history.sequence")
def sequence() -> int:
    return sequencing.sequence(at=now())


@shared_task(name="history.checkpoint")
def checkpoint() -> int:
    made = checkpoints.checkpoint(at=now())
    return made.size if made else 0


@shared_task(name="history.read_feeds")
def read_feeds() -> list[str]:
    """Wake each reader that is behind in a task of its own: a slow one must not hold up the others."""
    behind = feed.readers_behind(at=now())
    for name in behind:
        enqueue("history.read_feed", name)
    return behind


@shared_task(name="history.read_feed")
def read_feed(name: str) -> int:
    return feed.reader_run(name, at=now())
