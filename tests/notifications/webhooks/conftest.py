"""Receivers of webhooks on this machine, as good and as bad as those out there."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from config.kit import outgoing


def accept(handler: BaseHTTPRequestHandler) -> None:
    """A receiver that is content."""
    handler.send_response(204)
    handler.end_headers()


def answer(status: int, body: bytes = b"", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """A receiver that always answers so; `Retry_After` is Retry-After."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behave


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A web server that notes what came; `behave` answers."""

    url: str
    behave: Callable[[BaseHTTPRequestHandler], None] = accept
    received: list[Received] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.received]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.received.append(Received(self.path, headers, body))
        self.close_connection = True
        receiver.behave(self)

    do_GET = do_POST  # noqa: N815 - a redirect that is followed may come as one

    def log_message(self, *_: Any) -> None:
        """Silence."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is what these tests are about."""


@pytest.fixture
def serve() -> Iterator[Callable[..., Receiver]]:
    """Return a maker of receivers: `serve()`, `serve(answer(500))`, `serve(tls=context)`."""
    servers: list[_Server] = []

    def make(
        behave: Callable[[BaseHTTPRequestHandler], None] = accept,
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> Receiver:
        server = _Server((host, port), _Handler)
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "http" if tls is None else "https"
        receiver = Receiver(f"{scheme}://{host}:{server.server_port}/hook", behave)
        server.receiver = receiver  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return receiver

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


@dataclass
class Authority:
    """A certificate authority of our own, in a folder."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def file(self) -> Path:
        return self.folder / "ca.pem"

    def context(self, name: str) -> ssl.SSLContext:
        """What a server with a certificate for `name` speaks TLS with."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(name, key.public_key(), self.certificate.subject, self.key, is_ca=False)
        path = self.folder / f"{name}.pem"
        path.write_bytes(_pem(key) + made.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


@pytest.fixture
def authority(tmp_path, monkeypatch) -> Iterator[Authority]:
    """An authority that this machine trusts for the length of a test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    made = _certificate("Test authority", key.public_key(), name, key, is_ca=True)
    found = Authority(tmp_path, key, made)
    found.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(found.file))
    outgoing._context.cache_clear()
    yield found
    outgoing._context.cache_clear()


def _certificate(name, public_key, issuer, signer, *, is_ca) -> x509.Certificate:
    try:
        alternative: x509.GeneralName = x509.IPAddress(ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        # OpenSSL asks the real clock
        .not_valid_before(datetime.now(UTC) - timedelta(days=2))
        .not_valid_after(datetime.now(UTC) + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        # RFC 5280, which Python holds certificates to from 3.13 on
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .add_extension(_usage(is_ca=is_ca), critical=True)
    )
    if not is_ca:
        built = built.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
    return built.sign(signer, hashes.SHA256())


def _usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


# --- the office and its endpoints -------------------------------------------------------------------


@pytest.fixture
def _loopback(settings):
    """Receivers of the tests stand on this machine."""
    settings.WEBHOOK_ALLOW_INSECURE = True


@pytest.fixture
def make_endpoint(db, at, _loopback) -> Callable[..., Any]:
    """Return a maker of endpoints, `make_endpoint(receiver, kinds=["license.issued"])`; `secret` is on the row."""
    from history.models import Reader
    from notifications.services.webhooks import webhook_create

    Reader.objects.filter(name="webhooks").delete()  # it begins when a test first follows it

    def make(receiver: Receiver | str = "https://hooks.example.com/signet", **fields: Any):
        url = receiver if isinstance(receiver, str) else receiver.url
        given = {"name": "Vendor", "url": url, "actor": "cli:test", "at": at}
        endpoint, secret = webhook_create(**{**given, **fields})
        endpoint.secret = secret
        return endpoint

    return make


@pytest.fixture
def happen(db, at) -> Callable[..., Any]:
    """Record events: `happen(2, kind="license.revoked")`."""
    from django.db import transaction

    from history.services import record

    event = {
        "kind": "license.issued",
        "account": "C-ACME",
        "actor": "user:7",
        "data": {"seats": 10},
        "at": at,
    }

    def make(count: int = 1, **facts: Any) -> list[Any]:
        with transaction.atomic():
            return [record(**{**event, "subject": f"license:L-{n}", **facts}) for n in range(count)]

    return make


@pytest.fixture
def follow(db, at) -> Callable[..., int]:
    """Let the reader of webhooks come to the end of what happened so far."""
    from history.services import reader_run, sequence

    def run(at=at) -> int:
        sequence(at=at)
        return reader_run("webhooks", at=at)

    return run


@pytest.fixture
def deliver(follow, happen) -> Callable[..., Any]:
    """Record events after the reader has begun, and have their deliveries written; returns those."""
    from notifications.models import Delivery

    def make(count: int = 1, **facts: Any) -> list[Any]:
        follow()
        events = happen(count, **facts)
        follow()
        return list(Delivery.objects.filter(event__in=events).order_by("id"))

    return make


@pytest.fixture
def send(clock) -> Callable[..., bool]:
    """Send what is due next at an endpoint, at the instant where the clock stands."""
    from config.kit.clock import now
    from notifications.services.deliveries import delivery_send_next

    return lambda endpoint, **more: delivery_send_next(endpoint_id=endpoint.pk, clock=now, **more)
