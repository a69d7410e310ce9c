"""The network around a deployment: its status page, a small application with a guarded write, its heartbeat."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from http import HTTPStatus
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NoReturn
from urllib.parse import parse_qs, urlsplit

from licenses.domain.client.deployment import Deployment, KeyRefusedError
from licenses.domain.keys import KeyMaterialError
from licenses.domain.manifests import Manifest
from licenses.domain.posture import WriteRefusedError
from licenses.domain.status import as_json, page
from licenses.domain.tokens import MAX_TOKEN

Clock = Callable[[], datetime]
MOST_BYTES: Final = 64 * 1024
TIMEOUT: Final = 15


class HeartbeatFailed(Exception):
    """The vendor could not be reached, refused, or somebody else answered; the deployment goes on by its own key."""


class NotChanged(Exception):
    """The vendor says that what is held still holds (304)."""


def fetch_keys(deployment: Deployment, url: str) -> None:
    """Store the vendor's public keys. Raises HeartbeatFailed; what is no key set leaves those that are there."""
    body, _ = _fetched(urllib.request.Request(f"{url}/.well-known/jwks.json"))  # noqa: S310 - the vendor's own address
    try:
        deployment.take_keys(body)
    except KeyMaterialError as error:
        raise HeartbeatFailed(f"What came back is no key set of the vendor: {error}") from error


def send_beat(
    deployment: Deployment, url: str, *, lock: AbstractContextManager[Any] | None = None
) -> dict[str, Any] | None:
    """Tell the vendor; return what came back, None without a key to speak with. Raises HeartbeatFailed.

    `lock` guards the deployment where others use it, too; it is not held while the vendor is waited for.
    """
    guard = lock or nullcontext()
    with guard:
        text, body = deployment.text, deployment.beat()
    if text is None:
        return None
    request = urllib.request.Request(  # noqa: S310 - the vendor's own address
        f"{url}/api/v1/heartbeats",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {text}", "Content-Type": "application/json"},
    )
    told = _answer_of(_fetched(request)[0])
    with guard:
        deployment.told(body, told)
    return told


def _answer_of(body: bytes) -> dict[str, Any]:
    """The answer to a heartbeat. Raises HeartbeatFailed for whatever else answered, as a portal that wants a login."""
    try:
        told = json.loads(body)
        fits = isinstance(told["node_cap"]["state"], str) and all(
            isinstance(message["level"], str) and isinstance(message["text"], str)
            for message in told["messages"]
        )
    except (ValueError, LookupError, TypeError) as error:
        raise HeartbeatFailed("What came back is no answer of the vendor.") from error
    if not fits:
        raise HeartbeatFailed("What came back is no answer of the vendor.")
    answer: dict[str, Any] = told
    return answer


def fetch_manifest(deployment: Deployment, url: str, now: datetime) -> Manifest | None:
    """Ask what may be installed; None without a key to ask with. Raises HeartbeatFailed, ManifestError.

    What came back is verified before it is kept; when nothing has changed, the kept one is verified again.
    """
    text = deployment.text
    if text is None:
        return None
    headers = {"Authorization": f"Bearer {text}"}
    if deployment.manifest_etag:
        headers["If-None-Match"] = deployment.manifest_etag
    request = urllib.request.Request(f"{url}/api/v1/releases/manifest", headers=headers)  # noqa: S310 - as above
    try:
        body, etag = _fetched(request, MAX_TOKEN + 1)
    except NotChanged:
        return deployment.manifest(now)
    return deployment.take_manifest(body.decode("ascii", "replace"), etag, now)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The key goes to the vendor's address and nowhere else, wherever a network in between would lead."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _fetched(request: urllib.request.Request, most: int = MOST_BYTES) -> tuple[bytes, str]:
    """The body of an answer, cut at `most` bytes, and its ETag. Raises HeartbeatFailed, NotChanged."""
    if urlsplit(request.full_url).scheme not in {"http", "https"}:
        raise HeartbeatFailed("The vendor's address begins with https:// or http://.")
    try:
        with _OPENER.open(request, timeout=TIMEOUT) as answer:
            return answer.read(most), answer.headers.get("ETag", "")
    except urllib.error.HTTPError as error:
        _refused(error)
    except (urllib.error.URLError, OSError, HTTPException) as error:
        raise HeartbeatFailed(f"The vendor cannot be reached: {error!r}") from error


def _refused(error: urllib.error.HTTPError) -> NoReturn:
    if error.code == HTTPStatus.NOT_MODIFIED:
        raise NotChanged from error
    try:
        said = error.read(2000).decode(errors="replace")
    except (OSError, HTTPException):
        said = ""
    raise HeartbeatFailed(f"The vendor answered {error.code}: {said}") from error


class Server(ThreadingHTTPServer):
    """The reference application on a port of this machine."""

    daemon_threads = True

    def __init__(self, deployment: Deployment, clock: Clock, port: int = 0) -> None:
        self.deployment, self.clock = deployment, clock
        self.items: list[str] = []
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        now = self.server.clock()
        with self.server.lock:
            match urlsplit(self.path).path:
                case "/" | "/license":
                    self._page(HTTPStatus.OK, now)
                case "/license.json":
                    view = self.server.deployment.status(now)
                    told = {**json.loads(as_json(view)), "messages": self.server.deployment.messages}
                    self._json(HTTPStatus.OK, told)
                case "/items":  # reads never ask
                    self._json(HTTPStatus.OK, {"items": self.server.items})
                case _:
                    self._json(HTTPStatus.NOT_FOUND, {"code": "not_found"})

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), MOST_BYTES)).decode(
            errors="replace"
        )
        with self.server.lock:
            match urlsplit(self.path).path:
                case "/license":
                    self._replace(body)
                case "/items":
                    self._write_item(body)
                case _:
                    self._json(HTTPStatus.NOT_FOUND, {"code": "not_found"})

    def do_DELETE(self) -> None:
        with self.server.lock:
            if urlsplit(self.path).path != "/license":
                self._json(HTTPStatus.NOT_FOUND, {"code": "not_found"})
                return
            view = self.server.deployment.clear(self.server.clock())
            self._json(HTTPStatus.OK, view.to_dict())

    def _replace(self, body: str) -> None:
        as_form = "form" in (self.headers.get("Content-Type") or "")
        key = parse_qs(body).get("key", [""])[0] if as_form else body
        try:
            view = self.server.deployment.replace(key, self.server.clock())
        except KeyRefusedError as error:
            if as_form:
                self._page(HTTPStatus.BAD_REQUEST, self.server.clock(), refused=str(error))
            else:
                self._json(HTTPStatus.BAD_REQUEST, {"code": "license_invalid", "error": str(error)})
            return
        if as_form:
            self.send_response(HTTPStatus.SEE_OTHER)
            self.send_header("Location", "/license")
            self.end_headers()
            return
        self._json(HTTPStatus.OK, view.to_dict())

    def _write_item(self, body: str) -> None:
        """The protected write: what the product itself is for."""
        try:
            self.server.deployment.guard_write(self.server.clock())
        except WriteRefusedError as error:
            self._json(HTTPStatus.FORBIDDEN, {"code": error.reason, "error": error.detail})
            return
        self.server.items.append(body[:200])
        self._json(HTTPStatus.CREATED, {"items": self.server.items})

    def _page(self, code: HTTPStatus, now: datetime, *, refused: str = "") -> None:
        deployment = self.server.deployment
        text = page(deployment.status(now), action="/license", messages=deployment.messages, refused=refused)
        self._answer(code, text, "text/html; charset=utf-8")

    def _json(self, code: HTTPStatus, document: Any) -> None:
        self._answer(code, json.dumps(document), "application/json")

    def _answer(self, code: HTTPStatus, text: str, content_type: str) -> None:
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base
        """Nothing: the command tells what matters."""
