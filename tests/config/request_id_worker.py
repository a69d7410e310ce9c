"""A request in one process, the worker that runs what it caused in another; both write JSON logs.

`request_id_worker.py ask ID` makes the database and sends one request; `work SECONDS` runs the worker
until it has run one task, or for so long.
"""

from __future__ import annotations

import os
import sys
import threading

import django
from django.http import HttpRequest, HttpResponse
from django.urls import path

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()

from celery.signals import task_postrun  # noqa: E402 - once Django is set up
from django.conf import settings  # noqa: E402 - once Django is set up
from django.core.management import call_command  # noqa: E402 - once Django is set up
from django.test import Client  # noqa: E402 - once Django is set up

from config.celery import app  # noqa: E402 - once Django is set up
from config.kit.enqueue import enqueue  # noqa: E402 - once Django is set up


def view(_request: HttpRequest) -> HttpResponse:
    enqueue("config.beat_tick")
    return HttpResponse("queued")


urlpatterns = [path("queue", view)]


def ask(request_id: str) -> None:
    call_command("migrate", verbosity=0)
    settings.ROOT_URLCONF = "__main__"
    answer = Client(headers={"host": "localhost"}).get("/queue", headers={"X-Request-ID": request_id})
    sys.stdout.write(answer["X-Request-ID"])


def work(seconds: float) -> None:
    from celery.apps.worker import Worker

    worker = app.Worker(pool="solo", concurrency=1, without_gossip=True, without_mingle=True)
    assert isinstance(worker, Worker)

    def stop(**_: object) -> None:
        threading.Timer(0.2, worker.stop).start()

    task_postrun.connect(stop)
    deadline = threading.Timer(seconds, worker.stop)
    deadline.start()
    worker.start()
    deadline.cancel()


if __name__ == "__main__":
    command, argument = sys.argv[1:]
    ask(argument) if command == "ask" else work(float(argument))
