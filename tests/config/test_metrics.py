"""What Prometheus reads, and who may read it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from config import metrics
from config.heartbeat import beat_record
from config.kit.clock import now
from history.services import record

TOKEN = "a-metrics-token-for-tests-0123456789"

# Two processes count, a third answers for both.
COUNT = """
import sys
from config.kit.middleware import REQUESTS
REQUESTS.labels("GET", "probe", "200").inc(int(sys.argv[1]))
"""
ANSWER = """
import django; django.setup()
from config import metrics
print(metrics.render("")[0].decode())
"""


@pytest.fixture(autouse=True)
def forget_gauges():
    metrics.gauges.forget()
    yield
    metrics.gauges.forget()


def samples(client):
    """The gauges and counters without labels, and the lines of all others."""
    text = client.get("/metrics").content.decode()
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


@pytest.mark.django_db
def test_gauges_come_from_rows(client):
    beat_record(at=now() - timedelta(seconds=100))
    found = samples(client)
    assert float(found["signet_beat_age_seconds"]) == pytest.approx(100, abs=5)
    assert float(found["signet_database_up"]) == 1
    assert float(found["signet_history_size"]) == 0
    assert float(found["signet_idempotent_requests"]) == 0
    assert float(found['signet_mail{state="waiting"}']) == float(found['signet_mail{state="failed"}']) == 0


@pytest.mark.django_db(transaction=True)
def test_events_that_wait_for_their_place_are_counted(client, monkeypatch):
    monkeypatch.setattr("history.services.recording.debounce", lambda *_: None)
    from django.db import transaction

    with transaction.atomic():
        record(kind="user.created", subject="user:7", actor="system:test", data={}, at=now())
    assert float(samples(client)["signet_history_waiting"]) == 1


@pytest.mark.django_db
def test_reading_often_costs_the_database_one_reading(client, django_assert_num_queries):
    client.get("/metrics")
    with django_assert_num_queries(0):
        client.get("/metrics")


@pytest.mark.django_db
def test_one_reading_is_a_few_cheap_queries(client, django_assert_max_num_queries):
    with django_assert_max_num_queries(13):
        client.get("/metrics")


@pytest.mark.django_db
def test_without_the_database_the_process_metrics_are_still_answered(client):
    def gone(*_):
        raise OperationalError

    with connection.execute_wrapper(gone):
        found = samples(client)
    assert float(found["signet_database_up"]) == 0
    assert "process_cpu_seconds_total" in found


@pytest.mark.django_db
@pytest.mark.parametrize(
    "accept", ["", "text/plain;version=abc", "application/openmetrics-text;version=1.x", "\x7f"]
)
def test_any_accept_header_is_answered(client, accept):
    assert client.get("/metrics", headers={"Accept": accept}).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_may_read_without_a_token(client, address):
    assert client.get("/metrics", REMOTE_ADDR=address).status_code == 200


@pytest.mark.parametrize("address", ["10.0.0.5", "::ffff:10.0.0.5", "2001:db8::1", "", "unix"])
def test_nobody_else_may(client, address):
    answer = client.get("/metrics", REMOTE_ADDR=address)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Proto"])
def test_a_proxy_on_this_machine_does_not_make_its_callers_local(client, header):
    answer = client.get("/metrics", REMOTE_ADDR="127.0.0.1", headers={header: "127.0.0.1"})
    assert answer.status_code == 403


@pytest.mark.django_db
def test_the_token_opens_it_from_anywhere(client, settings):
    settings.METRICS_TOKEN = TOKEN
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "10.0.0.5"}
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.5", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "given",
    ["", TOKEN, f"Basic {TOKEN}", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ünïcode"],
)
def test_anything_but_the_token_is_refused(client, settings, given):
    settings.METRICS_TOKEN = TOKEN
    answer = client.get("/metrics", REMOTE_ADDR="10.0.0.5", headers={"Authorization": given})
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="signet"')


@pytest.mark.stress
def test_any_of_several_processes_answers_for_all(tmp_path):
    (tmp_path / "metrics").mkdir()
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("SIGNET_")},
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SIGNET_DATA": str(tmp_path),
    }

    def run(code, *arguments):
        command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    run(COUNT, "3")
    run(COUNT, "4")
    answer = run(ANSWER)
    assert 'signet_http_requests_total{method="GET",route="probe",status="200"} 7.0' in answer
    assert "signet_database_up" in answer


@pytest.mark.django_db
def test_made_up_methods_share_one_series(client):
    for name in ("MADE", "UP"):
        client.generic(name, "/api/")
    counted = [line for line in samples(client) if line.startswith("signet_http_requests_total")]
    assert any('method="OTHER"' in line for line in counted)
    assert not any('"MADE"' in line or '"UP"' in line for line in counted)
