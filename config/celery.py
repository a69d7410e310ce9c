"""The Celery application and its beat schedule. Each app lists its own entries in `schedule.BEAT`."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from celery import Celery
from django.conf import settings
from django_structlog.celery.steps import DjangoStructLogInitStep

import config.broker  # noqa: F401 - registers the embedded broker's transport

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

OUR_APPS = ("history", "accounts", "licenses", "trials", "billing", "notifications", "crm", "config")

app = Celery("signet")
app.set_default()  # the current app is one of a thread: without this, other threads send to a broker of no one
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks()


def schedule() -> dict[str, Any]:
    """Collect the beat entries of the apps that are installed."""
    entries: dict[str, Any] = {}
    installed = {name.partition(".")[0] for name in settings.INSTALLED_APPS}
    for name in OUR_APPS:
        if name in installed and find_spec(f"{name}.schedule") is not None:
            entries |= import_module(f"{name}.schedule").BEAT
    return entries


@app.on_after_configure.connect
def _set_schedule(sender: Celery, **_: Any) -> None:
    sender.conf.beat_schedule = schedule()
