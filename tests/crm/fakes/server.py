"""An outside CRM on HTTP on this machine: routes, a bearer token, and faults that a test asks for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "token-of-the-crm"
HTML = b"<!doctype html><html><body><h1>We will be right back</h1></body></html>"


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    document: Any

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Fault:
    """What is answered instead, so many times. `after`: the request is done first, and its answer is lost. `seconds`:
    the request is done, and its own answer comes so late.
    """

    status: int | None
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    on: str = ""
    after: bool = False
    bearing: str = ""
    seconds: float = 0


class FakeCrm:
    """Base of the fakes. `asked` are the requests as they came; `fail` makes the next ones go wrong."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.asked: list[Asked] = []
        self.tokens: set[str] = set()
        self.taken = {TOKEN}
        self.faults: list[Fault] = []
        self.before: Callable[[Asked], None] | None = None
        self.clock: Callable[[], float] | None = None
        self.times: list[float] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.crm = self  # type: ignore[attr-defined]
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fail(self, status: int | None, body: bytes = b"{}", *, times: int = 1, on: str = "", after: bool = False,
             bearing: str = "", seconds: float = 0, **headers: str) -> None:  # fmt: skip
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.faults.append(Fault(status, body, named, times, on, after, bearing, seconds))

    def empty(self) -> None:
        """Forget every record."""
        raise NotImplementedError

    def answer(self, asked: Asked, token: str) -> tuple[int, bytes, dict[str, str]] | None:
        """Status, body and headers; None: the line is cut."""
        with self.lock:
            self.asked.append(asked)
            self.tokens.add(token)
            if self.clock is not None:
                self.times.append(self.clock())
            if self.before is not None:
                self.before(asked)
            fault = self._fault(asked)
            if fault is None or fault.after or fault.seconds:
                status, said = (200, {}) if token in self.taken else (401, self.unauthorized())
                if status != 401:
                    status, said = self.route(asked)
            if fault is not None and not fault.seconds:
                return None if fault.status is None else (fault.status, fault.body, fault.headers)
        if fault is not None:
            time.sleep(fault.seconds)
        return status, json.dumps(said).encode(), {"Content-Type": "application/json;charset=utf-8"}

    def _fault(self, asked: Asked) -> Fault | None:
        text = json.dumps(asked.document)
        for fault in self.faults:
            if fault.times and fault.on in asked.line and fault.bearing in text:
                fault.times -= 1
                return fault
        return None

    def unauthorized(self) -> dict[str, Any]:
        raise NotImplementedError

    def route(self, asked: Asked) -> tuple[int, Any]:
        raise NotImplementedError


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _do(self) -> None:
        crm: FakeCrm = self.server.crm  # type: ignore[attr-defined]
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        asked = Asked(self.command, parts.path, query, json.loads(raw) if raw else None)
        answer = crm.answer(asked, str(self.headers.get("Authorization")).removeprefix("Bearer "))
        self.close_connection = True
        if answer is None:
            return
        status, body, headers = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_DELETE = _do  # noqa: N815 - as the base class names them

    def log_message(self, *_: Any) -> None:
        """Silence."""
