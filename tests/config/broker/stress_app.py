"""A tiny Celery application for the stress tests: every run of a task leaves a line in a file.

STRESS_DIR names the folder; the broker file lies in it too.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from celery import Celery

import config.broker

FOLDER = Path(os.environ["STRESS_DIR"])

# Without fixups: with Django's, the settings and apps of the product would be loaded.
app = Celery("stress", broker=config.broker.URL, fixups=[])
app.conf.update(
    broker_transport_options={"path": str(FOLDER / "broker.sqlite3")},
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    beat_schedule={"tick": {"task": "stress.note", "schedule": 1.0, "args": ("tick",)}},
)


def write(word: str) -> None:
    with (FOLDER / "runs").open("a") as file:
        file.write(f"{word} {os.getppid()} {time.time()}\n")


@app.task(name="stress.note")
def note(word: str) -> None:
    """Leave one line: short appends are atomic."""
    write(word)


@app.task(name="stress.slow")
def slow(word: str, seconds: float) -> None:
    """Leave a line at the start and one at the end."""
    write(f"{word}-started")
    time.sleep(seconds)
    write(f"{word}-ended")
