"""The HTTP side: Stripe's API, the pages, and the control of tests."""

from __future__ import annotations

import base64
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.stripe_double import control, pages, routes
from tests.stripe_double.forms import decode
from tests.stripe_double.refusals import Refused
from tests.stripe_double.store import API_VERSION, Shape, Store
from tests.stripe_double.world import Fault, World

PROXY = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
Answer = tuple[int, str, bytes, dict[str, str]]


class HangUp(Exception):
    """Answer nothing and close the connection."""


class Server(ThreadingHTTPServer):
    """One thread a connection, all behind the world's lock."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], world: World) -> None:
        super().__init__(address, Handler)
        self.world = world
        world.base = f"http://{self.server_address[0]}:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """Keeps the connection; an answer goes out in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def log_message(self, *args: Any) -> None:
        """Say nothing of each request."""

    def _serve(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        address = urlsplit(self.path)
        try:
            status, kind, content, headers = self._answer(method, address.path, address.query, body)
        except HangUp:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _answer(self, method: str, path: str, query: str, body: str) -> Answer:
        world = self.server.world
        if path.startswith("/v1/"):
            return self._api(world, method, path, body if method == "POST" else query)
        with world.lock:
            if path.startswith("/_control/"):
                result = self._control(world, path.removeprefix("/_control/"), body)
            else:
                return self._page(world, method, path, body)
        return as_json(*result) if not callable(result[1]) else as_json(200, result[1]())

    def _control(self, world: World, name: str, body: str) -> tuple[int, Any]:
        try:
            answer = control.perform(world, name, json.loads(body or "{}"))
        except Refused as refusal:
            return refusal.status, refusal.body()
        world.settle()
        return 200, answer

    def _page(self, world: World, method: str, path: str, body: str) -> Answer:
        kind, _, name = path.strip("/").partition("/")
        form = decode(body)
        works = {
            ("GET", "pay"): lambda: pages.pay_page(world, name),
            ("POST", "pay"): lambda: pages.pay_submit(world, name, form),
            ("GET", "portal"): lambda: pages.portal_page(world, name),
            ("POST", "portal"): lambda: pages.portal_submit(world, name, form),
            ("GET", "favicon.ico"): lambda: (204, ""),
            ("GET", "healthz"): lambda: (200, "ok"),
        }
        work = works.get((method, kind), lambda: (404, pages.html("Not found", "<h1>Not found</h1>")))
        try:
            status, text = work()
        except Refused as refusal:
            status, text = refusal.status, pages.html("Not found", f"<h1>{refusal}</h1>")
        world.settle()
        if status == 303:
            return status, "text/plain", b"", {"Location": text}
        return status, "text/html; charset=utf-8", text.encode(), {}

    # --- Stripe's API ---------------------------------------------------------------------------------

    def _api(self, world: World, method: str, path: str, text: str) -> Answer:
        with world.lock:
            fault = world.fault_for(method, path)
        if fault and fault.seconds:
            time.sleep(fault.seconds)
        if fault and not fault.after:
            return failed(fault)
        with world.lock:
            status, shape, headers = self._asked(world, method, path, decode(text))
            world.settle(save=method != "GET")
        if fault:
            return failed(fault)
        return as_json(status, shape, {"Request-Id": "req_double", "Stripe-Version": API_VERSION, **headers})

    def _asked(self, world: World, method: str, path: str, given: Shape) -> tuple[int, Shape, dict[str, str]]:
        key = self.headers.get("Idempotency-Key", "") if method == "POST" else ""
        world.requests.append({"method": method, "path": path, "params": given, "key": key})
        try:
            return self._once(world, self._account(world), method, path, given, key)
        except Refused as refusal:
            return refusal.status, refusal.body(), {}

    def _once(
        self, world: World, store: Store, method: str, path: str, given: Shape, key: str
    ) -> tuple[int, Shape, dict[str, str]]:
        """Under an idempotency key a request is done once and answered the same ever after."""
        known = store.answers.get(key) if key else None
        if known:
            if known["asked"] != [method, path, given]:
                text = "Keys for idempotent requests can only be used with the same parameters."
                raise Refused(400, text, kind="idempotency_error")
            return known["status"], known["shape"], {"Idempotent-Replayed": "true"}
        first_new = len(store.tables.get("event", {}))
        try:
            status, shape = 200, routes.answer(world, store, method, path, given)
        except Refused as refusal:
            status, shape = refusal.status, refusal.body()
        for event in [*store.tables.get("event", {}).values()][first_new:]:
            event["request"] = {"id": "req_double", "idempotency_key": key or None}
        if key:
            store.answers[key] = {"asked": [method, path, given], "status": status, "shape": shape}
        return status, shape, {}

    def _account(self, world: World) -> Store:
        if self.headers.get("Stripe-Version") not in {None, API_VERSION}:
            raise Refused(400, f"The double speaks {API_VERSION} only.")
        return world.store(self._secret_key())

    def _secret_key(self) -> str:
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            return base64.b64decode(value).decode().partition(":")[0]
        return value


def as_json(status: int, value: Any, headers: dict[str, str] | None = None) -> Answer:
    return status, "application/json", json.dumps(value).encode(), headers or {}


def failed(fault: Fault) -> Answer:
    """What a fault answers; the SDK is told not to try again by itself."""
    if fault.status == 0:
        raise HangUp
    headers = {"Stripe-Should-Retry": "false"}
    if fault.html:
        return fault.status, "text/html", PROXY.encode(), headers
    kind = "rate_limit_error" if fault.status == 429 else "api_error"
    return as_json(fault.status, {"error": {"type": kind, "message": "An error was asked for."}}, headers)
