"""What the doctor learns from servers that answer, from some that do not, and in production as a whole."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from config import doctor, doctor_parts
from config.doctor import State, Visit
from config.kit.clock import now

ROOT = Path(__file__).resolve().parents[2]
PARTS = dict(doctor_parts.PARTS)
SECRETS = {
    "SIGNET_SECRET_KEY": "k3y-" + "0123456789abcdefghij" * 4,
    "SIGNET_KEY_ENCRYPTION_KEYS": "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=",
    "SIGNET_INTERNAL_AUTH_SECRET": "jwt-0123456789-abcdefghij-0123456789",
}
LIMITS = (
    *("max_memory", "max_storage", "max_streams", "max_consumers", "max_ack_pending"),
    *("memory_max_stream_bytes", "storage_max_stream_bytes", "max_bytes_required"),
)
pytestmark = pytest.mark.enable_socket


def look(part, **circumstances):
    visit = Visit(at=now(), production=True, **circumstances)
    (report,) = doctor.examine(visit, [(part, PARTS[part])])
    return report.finding


@pytest.fixture
def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Nats(socketserver.StreamRequestHandler):
    """As much of NATS as the doctor speaks: INFO, CONNECT, PING, and the one question about JetStream."""

    jetstream = True

    def handle(self):
        info = {"server_id": "x", "version": "2.9.0", "max_payload": 1000000, "headers": True, "proto": 1}
        self.send(f"INFO {json.dumps(info)}\r\n")
        inbox = "1"
        for line in self.rfile:
            word, *rest = line.decode().split()
            if word == "PING":
                self.send("PONG\r\n")
            elif word == "SUB":
                inbox = rest[-1]
            elif word in {"PUB", "HPUB"}:
                self.rfile.readline()
                self.answer(rest[1], inbox)

    def answer(self, reply, inbox):
        error = {"error": {"code": 503, "err_code": 10039, "description": "JetStream not enabled"}}
        account = {"memory": 0, "storage": 0, "streams": 3, "consumers": 0}
        account |= {"limits": dict.fromkeys(LIMITS, -1), "api": {"total": 1, "errors": 0}}
        body = json.dumps(account if self.jetstream else error)
        self.send(f"MSG {reply} {inbox} {len(body)}\r\n{body}\r\n")

    def send(self, text):
        self.wfile.write(text.encode())


class NatsWithoutJetStream(Nats):
    jetstream = False


class Stripe(BaseHTTPRequestHandler):
    """Accepts one key."""

    def do_GET(self):
        good = self.headers["Authorization"] == "Bearer sk_test_good" and self.path == "/v1/balance"
        self.send_response(200 if good else 401)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


def test_a_mail_server_that_greets_is_well(settings, closed_port):
    server = Controller(Sink(), hostname="127.0.0.1", port=closed_port)
    server.start()
    settings.EMAIL_URL = "smtp://127.0.0.1"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", closed_port
    try:
        assert look("mail").state is State.OK
    finally:
        server.stop()


def test_a_mail_server_that_is_gone_fails(settings, closed_port):
    settings.EMAIL_URL = "smtp://127.0.0.1"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", closed_port
    found = look("mail")
    assert (found.state, found.variable) == (State.FAILING, "SIGNET_EMAIL_URL")


def test_a_bus_with_jetstream_is_well(settings):
    """E5: event bus."""
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Nats)) as port:
        settings.NATS_URL = f"nats://127.0.0.1:{port}"
        found = look("bus")
    assert (found.state, found.detail) == (State.OK, "NATS 2.9.0, JetStream with 3 streams")


def test_a_bus_without_jetstream_fails(settings):
    """E5: a bus that keeps nothing would lose purchases."""
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), NatsWithoutJetStream)) as port:
        settings.NATS_URL = f"nats://127.0.0.1:{port}"
        assert look("bus").state is State.FAILING


def test_a_bus_that_is_gone_fails_and_hides_its_password(settings, closed_port):
    settings.NATS_URL = f"nats://signet:hunter2@127.0.0.1:{closed_port}"
    found = look("bus")
    assert (found.state, found.variable) == (State.FAILING, "SIGNET_NATS_URL")
    assert "hunter2" not in found.detail


@pytest.mark.parametrize(("key", "state"), [("sk_test_good", State.OK), ("sk_test_bad", State.FAILING)])
def test_stripe_is_asked_where_the_settings_say(settings, key, state):
    """E5: provider key."""
    settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRETS = key, ["whsec_canary"]
    with serving(HTTPServer(("127.0.0.1", 0), Stripe)) as port:
        settings.STRIPE_API_BASE = f"http://127.0.0.1:{port}"
        found = look("stripe")
    assert found.state is state
    assert key not in found.detail


@pytest.mark.disable_socket
def test_stripe_itself_is_not_asked_without_being_told(settings):
    settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRETS = "sk_live_canary", ["whsec_canary"]
    settings.STRIPE_API_BASE = ""
    found = look("stripe")
    assert (found.state, "not asked" in found.detail) == (State.OK, True)


@pytest.mark.parametrize(
    ("bind", "state"), [("127.0.0.1", State.OK), ("0.0.0.0", State.OK), ("192.0.2.1", State.FAILING)]
)
def test_the_bind_address_is_one_of_this_machine(settings, bind, state):
    """E5: bind address."""
    settings.BIND = bind
    assert look("bind address").state is state


def production(data, **variables):
    """Run the doctor in a process of its own."""
    environment = {"PATH": os.environ["PATH"], "SIGNET_ENV": "production", "SIGNET_DATA": str(data)}
    command = [sys.executable, "manage.py", "doctor", "--json"]
    return subprocess.run(
        [*command, "--only", "bus", "--only", "stripe", "--only", "mail", "--only", "signing keys"],
        cwd=ROOT,
        env=environment | variables,
        check=False,
        capture_output=True,
        text=True,
        timeout=90,
    )


@pytest.mark.stress
def test_production_names_everything_that_is_missing_and_exits_with_one(tmp_path):
    """E5: a missing one is named and the check command exits non-zero."""
    done = production(tmp_path, **SECRETS)
    parts = {part["part"]: part for part in json.loads(done.stdout)["parts"]}
    assert done.returncode == 1
    assert parts["bus"]["variable"] == "SIGNET_NATS_URL"
    assert parts["stripe"]["variable"] == "SIGNET_STRIPE_API_KEY"
    assert parts["mail"]["variable"] == "SIGNET_EMAIL_URL"
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS.values())


@pytest.mark.stress
def test_production_accepts_what_is_left_out_by_name(tmp_path):
    """E5: SIGNET_WITHOUT is the only way to go without."""
    done = production(tmp_path, **SECRETS, SIGNET_WITHOUT="stripe,bus,mail")
    states = {part["part"]: part["state"] for part in json.loads(done.stdout)["parts"]}
    assert [states[part] for part in ("bus", "stripe", "mail")] == ["off", "off", "off"]


@pytest.mark.stress
def test_production_does_not_even_start_with_a_weak_jwt_secret(tmp_path):
    """E5: JWT secret."""
    done = production(tmp_path, **{**SECRETS, "SIGNET_INTERNAL_AUTH_SECRET": "short"})
    assert done.returncode != 0
    assert "SIGNET_INTERNAL_AUTH_SECRET is too short" in done.stderr
    assert "short\n" not in done.stdout
