"""One id from the caller through the request into the tasks that it caused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import structlog
from django.http import HttpResponse
from django.test import RequestFactory

from config.request_ids import RequestIdMiddleware

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("request_id_worker.py")


def ask(**headers):
    """The answer's id and what the log context held inside the request."""
    seen = {}

    def view(request):
        seen.update(structlog.contextvars.get_contextvars())
        return HttpResponse()

    answer = RequestIdMiddleware(view)(RequestFactory().get("/", headers=headers))
    return answer["X-Request-ID"], seen


def test_a_sane_id_of_the_caller_is_kept_and_given_back():
    assert ask(**{"X-Request-ID": "storefront-42.7"}) == (
        "storefront-42.7",
        {"request_id": "storefront-42.7"},
    )


def test_a_request_without_an_id_gets_one():
    given, seen = ask()
    assert str(uuid.UUID(given)) == given == seen["request_id"]


@pytest.mark.parametrize("insane", ["", "a b", "x" * 101, "<script>", '"}', "-x", "ümlaut", "a\tb"])
def test_an_id_that_is_not_sane_is_replaced(insane):
    given, _ = ask(**{"X-Request-ID": insane})
    assert str(uuid.UUID(given)) == given


def test_nothing_of_one_request_stands_in_the_lines_of_the_next():
    structlog.contextvars.bind_contextvars(user_id=7)
    _, seen = ask()
    assert set(seen) == {"request_id"}
    assert structlog.contextvars.get_contextvars() == {}


def test_every_answer_of_the_product_carries_an_id(client):
    for path in ("/healthz", "/admin/login/", "/nowhere"):
        assert client.get(path, headers={"X-Request-ID": "abc"})["X-Request-ID"] == "abc"


def run(data, *arguments):
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("SIGNET_", "DJANGO_"))},
        "SIGNET_DATA": str(data),
        "SIGNET_LOG_FORMAT": "json",
        "SIGNET_LOG_LEVEL": "INFO",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, str(SCRIPT), *arguments]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=90
    )
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    return done, lines


@pytest.mark.stress
def test_a_task_logs_the_id_of_the_request_that_caused_it(tmp_path):
    """Two processes and the embedded broker between them: what the worker logs is what the request was."""
    asked, lines = run(tmp_path, "ask", "journey-0815")
    assert asked.stdout.split() == ["journey-0815"], asked.stderr
    assert any(line["event"] == "request_finished" and line["request_id"] == "journey-0815" for line in lines)

    worked, lines = run(tmp_path, "work", "60")
    mine = {line["event"] for line in lines if line.get("request_id") == "journey-0815"}
    assert {"task_started", "task_succeeded"} <= mine, worked.stderr
