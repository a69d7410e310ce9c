"""What the master may answer, over a real connection: only what can be understood counts (C9)."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from licenses.domain.own_license import Answer
from licenses.master import MOST_BYTES, heard_of, master_ask

pytestmark = pytest.mark.enable_socket
LIVE = {"ok": True, "entitlements": {"crm": True}, "limits": {"seats": {"cap": 3}}}


@pytest.fixture
def master(settings):
    """Return what lets a server on this machine answer so: `master(200, body)`; it keeps what it was asked."""
    servers, asked = [], []

    def answer_with(status, body, **headers):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                asked.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
                self.send_response(status)
                for name, text in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        settings.SELF_LICENSE_MASTER_URL = f"http://127.0.0.1:{server.server_port}"
        return asked

    yield answer_with
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_verdict_is_taken_and_the_key_goes_nowhere_else(master, at):
    """C5: one call of the validate API, with key and product."""
    asked = master(200, json.dumps(LIVE).encode())
    heard = master_ask("the key", at=at)
    assert (heard.answer, heard.live, heard.seats) == (Answer.LIVE, {"crm": True}, 3)
    assert asked == [("/api/v1/licenses/validate", {"key": "the key", "product": "signet"})]


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, b"<html>busy</html>", {}),
        (200, b"[]", {}),
        (200, b'{"ok": "yes"}', {}),
        (200, b'{"ok": true, "entitlements": {"BAD": 1}, "limits": {"seats": {"cap": 1}}}', {}),
        (200, b'{"ok": true, "entitlements": {}, "limits": {"seats": {"cap": -1}}}', {}),
        (200, b'{"ok": true, "entitlements": {}}', {}),
        (200, b'{"ok": false}', {}),
        (200, b'{"ok": false, "reason": "maintenance"}', {}),
        (200, b'{"ok": false, "reason": ["revoked"]}', {}),
        (200, b'{"ok": false, "reason": "\\u0000"}', {}),
        (200, b'{"ok": false, "reason": "\\ud800"}', {}),
        (200, b"[" * 100_000, {}),
        (500, b"{}", {}),
        (302, b"", {"Location": "http://127.0.0.1:1/"}),
        (200, b" " * (MOST_BYTES + 1), {}),
        (200, b"x", {"Content-Length": "10"}),
    ],
)
def test_anything_else_is_no_answer(master, at, status, body, headers):
    """C9: what was known before stays."""
    master(status, body, **headers)
    assert master_ask("the key", at=at).answer is Answer.UNREACHABLE


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"])
def test_a_master_that_drips_is_cut_off_at_the_deadline(settings, at, monkeypatch, head):
    """C9: one bound for all of it, headers and body, not one for each read."""
    monkeypatch.setattr("licenses.master.SECONDS", 0.3)
    wait, sent = threading.Event(), []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            with contextlib.suppress(OSError), server.accept()[0] as line:
                line.recv(65536)
                line.sendall(head)
                while len(sent) < 60:  # 3 s
                    line.sendall(b"H")
                    sent.append(1)
                    wait.wait(0.05)

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        settings.SELF_LICENSE_MASTER_URL = f"http://127.0.0.1:{server.getsockname()[1]}"
        heard = master_ask("the key", at=at)
        thread.join()
    assert (heard.answer, len(sent) < 60) == (Answer.UNREACHABLE, True)
    assert "0.3 s" in heard.reason


def test_nobody_listening_is_no_answer(settings, at):
    settings.SELF_LICENSE_MASTER_URL = "http://127.0.0.1:1"
    assert master_ask("the key", at=at).answer is Answer.UNREACHABLE


@pytest.mark.parametrize(
    ("reason", "answer"),
    [
        ("revoked", Answer.REVOKED), ("key_revoked", Answer.REVOKED), ("suspended", Answer.SUSPENDED),
        ("not_found", Answer.UNKNOWN), ("expired", Answer.ENDED), ("product_mismatch", Answer.ENDED),
        ("rate_limited", Answer.UNREACHABLE), ("bad_signature", Answer.UNREACHABLE),
    ],
)  # fmt: skip
def test_each_reason_of_a_verdict_has_its_meaning(reason, answer):
    """C9"""
    assert heard_of({"ok": False, "reason": reason}).answer is answer
