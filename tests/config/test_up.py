"""`manage.py up` and `manage.py serve`: what they start, and what they start beside it."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from config.management.commands.up import beside, web
from tests.stripe_double import beside as stand_in
from tests.stripe_double.driver import KEY, SECRET

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def started(monkeypatch):
    """What a command became: its words and its environment."""
    became = []

    def become(_program, words, environment=None):
        became.append((list(words), dict(environment or os.environ)))

    monkeypatch.setattr(os, "execv", become)
    monkeypatch.setattr(os, "execve", become)
    monkeypatch.setattr(os, "chdir", lambda _folder: None)
    for name in ("SIGNET_STRIPE_API_BASE", "SIGNET_STRIPE_API_KEY", "SIGNET_STRIPE_WEBHOOK_SECRETS"):
        monkeypatch.setenv(name, "")
    return became


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_part_beside_is_named_and_its_words_are_those_of_a_shell():
    part = beside("mail=python -m 'my mail' --port 1")
    assert (part.name, list(part.command)) == ("mail", ["python", "-m", "my mail", "--port", "1"])


@pytest.mark.parametrize("text", ["", "mail", "mail=", "=python", "my mail=python", "mail='python"])
def test_what_is_no_part_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is not NAME=COMMAND"):
        beside(text)


@pytest.mark.enable_socket
def test_serve_becomes_the_web_server_that_up_starts(started, port):
    """E33"""
    call_command("serve", port=port)
    ((words, environment),) = started
    assert words == list(web("127.0.0.1", port).command)
    assert environment["SIGNET_PORT"] == str(port)


@pytest.mark.enable_socket
def test_serve_refuses_a_taken_port_in_one_line(started, port):
    """E33"""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(CommandError, match="Cannot listen"):
            call_command("serve", port=port)
    assert started == []


@pytest.mark.stress
@pytest.mark.enable_socket
def test_serve_answers_and_ends_when_it_is_told_to(port, tmp_path):
    """E33"""
    environment = {**os.environ, "SIGNET_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    words = [sys.executable, "manage.py", "serve", "--port", str(port)]
    with subprocess.Popen(words, cwd=PROJECT, env=environment, stderr=subprocess.DEVNULL) as server:
        try:
            assert any(_answers(port) for _ in range(300))
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) in {0, -signal.SIGTERM}


def _answers(port) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        answer.read()
        return answer.status == 200
    time.sleep(0.2)
    return False


@pytest.mark.enable_socket
def test_make_run_sells_through_the_stand_in_when_no_stripe_is_configured(started, settings, monkeypatch):
    """E33: by nothing but the product's ordinary settings."""
    settings.STRIPE_API_KEY = settings.STRIPE_API_BASE = ""
    settings.STRIPE_WEBHOOK_SECRETS, settings.WITHOUT = [], frozenset()
    monkeypatch.setattr(sys, "argv", ["beside"])
    stand_in.main()
    ((words, environment),) = started
    assert words[1:3] == ["manage.py", "up"]
    name, _, command = words[words.index("--beside") + 1].partition("=")
    assert name == "stripe"
    assert f"--webhook http://127.0.0.1:{settings.PORT}/api/v1/stripe/webhook" in command
    assert environment["SIGNET_STRIPE_API_BASE"].startswith("http://127.0.0.1:")
    assert environment["SIGNET_STRIPE_API_KEY"] == KEY
    assert environment["SIGNET_STRIPE_WEBHOOK_SECRETS"] == SECRET


@pytest.mark.parametrize(
    "said",
    [
        {"STRIPE_API_KEY": "sk_test_own"},
        {"STRIPE_WEBHOOK_SECRETS": ["whsec_own"]},
        {"STRIPE_API_BASE": "http://127.0.0.1:1"},
        {"WITHOUT": frozenset({"stripe"})},
        {"PRODUCTION": True},
    ],
    ids=lambda said: next(iter(said)),
)
def test_a_stripe_that_the_operator_configured_is_left_alone(started, settings, monkeypatch, said):
    """E33"""
    none = {"STRIPE_API_KEY": "", "STRIPE_API_BASE": "", "STRIPE_WEBHOOK_SECRETS": [], "WITHOUT": frozenset()}
    for name, value in {**none, **said}.items():
        setattr(settings, name, value)
    monkeypatch.setattr(sys, "argv", ["beside", "--no-beat"])
    stand_in.main()
    ((words, environment),) = started
    assert words[1:] == ["manage.py", "up", "--no-beat"]
    assert environment["SIGNET_STRIPE_API_BASE"] == ""
