"""What load balancers and orchestrators are told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.db import OperationalError, connection

from config import health, probing
from config.kit.clock import now
from licenses.domain.enums import Algorithm
from licenses.services.keys import key_activate, key_generate

ROOT = Path(__file__).resolve().parents[2]

ASK_A_FRESH_PROCESS = """
import io, sys
from config.wsgi import application
environ = {
    "REQUEST_METHOD": "GET", "PATH_INFO": "/healthz", "SERVER_NAME": "10.0.0.7", "SERVER_PORT": "80",
    "HTTP_HOST": "not-ours.example", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(),
}
body = application(environ, lambda status, headers: print(status))
print(b"".join(body).decode())
"""


@pytest.fixture
def signing_key(db):
    key = key_generate(algorithm=Algorithm.EDDSA, actor="system:test", at=now())
    return key_activate(key=key, actor="system:test", at=now())


@pytest.fixture(autouse=True)
def forget_that_migrations_were_applied(monkeypatch):
    monkeypatch.setattr(health, "_migrated", set())


def test_healthz_answers_without_a_database(client):
    """E5: `/healthz` answers. Without the django_db mark any query would fail this test."""
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_watchers_are_answered_on_any_host_name_and_without_https(client, settings, signing_key, path):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(path, headers={"Host": "10.1.2.3:8000"}).status_code == 200


@pytest.mark.stress
def test_the_first_question_to_a_production_process_is_answered_on_any_host_name(tmp_path):
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("SIGNET_")},
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SIGNET_DATA": str(tmp_path),
        "SIGNET_BASE_URL": "https://licenses.example.com",
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK_A_FRESH_PROCESS],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[:2] == ["200 OK", '{"status": "ok"}'], done.stderr


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_watchers_only_read(client, path):
    answer = client.post(path)
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert answer.json()["code"] == "method_not_allowed"


def test_answers_are_never_cached(client):
    assert client.get("/healthz")["Cache-Control"] == "no-store"


def test_readyz_names_every_part_when_all_is_well(client, signing_key):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["checks"] == dict.fromkeys(health.READINESS, "ok")


@pytest.mark.django_db
def test_readyz_refuses_without_an_active_signing_key(client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["checks"]["signing_key"] == "none is active"


@pytest.mark.django_db
def test_a_staged_key_does_not_make_it_ready(client):
    key_generate(algorithm=Algorithm.EDDSA, actor="system:test", at=now())
    assert client.get("/readyz").json()["checks"]["signing_key"] == "none is active"


def test_readyz_refuses_while_a_migration_is_missing(client, signing_key):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'config' AND name = '0003_kept_figures'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"] == "1 not applied"


def test_readyz_refuses_without_a_broker_and_tells_nobody_where_it_is(client, signing_key, monkeypatch):
    def refuse():
        raise ConnectionRefusedError("redis://:hunter2@redis.internal:6379")

    monkeypatch.setattr(health, "broker_connect", refuse)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["broker"] == "does not answer"
    assert b"hunter2" not in answer.content
    assert b"redis" not in answer.content


def test_readyz_refuses_in_time_when_the_broker_hangs(client, signing_key, monkeypatch):
    hanging = threading.Event()
    monkeypatch.setattr(health, "broker_connect", hanging.wait)
    monkeypatch.setattr(health, "BROKER_SECONDS", 0.05)
    answer = client.get("/readyz")
    hanging.set()
    assert answer.status_code == 503


def gone(*_):
    raise OperationalError("could not connect to db.internal as signet")


def test_a_database_that_is_gone_fails_readiness_and_not_life(client, signing_key):
    with connection.execute_wrapper(gone):
        assert client.get("/healthz").status_code == 200
        checks = client.get("/readyz").json()["checks"]
    assert checks["database"] == "does not answer"
    assert checks["signing_key"] == "cannot be told: the database does not answer"


def test_an_outage_of_ours_is_a_problem_document_without_addresses(client, signing_key):
    with connection.execute_wrapper(gone):
        answer = client.get("/readyz")
    assert answer["Content-Type"] == "application/problem+json"
    assert b"internal" not in answer.content
    assert json.loads(answer.content)["code"] == "not_ready"


def test_a_hanging_look_costs_one_thread_however_often_one_asks():
    hanging = threading.Event()
    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(probing.NoAnswer):
            probing.within(0.02, "hanging", hanging.wait)
    assert threading.active_count() == before + 1
    hanging.set()


def test_a_look_gives_its_value_and_its_error():
    assert probing.within(1, "value", lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        probing.within(1, "error", lambda: 1 / 0)
