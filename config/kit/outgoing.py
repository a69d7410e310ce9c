"""The one place that makes requests to addresses which somebody typed: webhooks, the outside CRM.

A name is resolved once; every address that it resolves to is judged; the connection goes to one of those
very addresses, while certificate and Host header are about the name. Redirects are answers like any other.
The whole request, from resolving to the last byte read, has one deadline, however the other side drips.
"""

from __future__ import annotations

import http.client
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from config.kit.targets import (
    DEFAULT_PORTS,
    LONGEST,
    Target,
    UnfitUrlError,
    address_refusal,
    is_loopback,
    target_parse,
)

SECONDS = 15.0
"""Longest request, all in all."""
CONNECT_SECONDS = 5.0
"""Longest wait for one of several addresses to take the connection."""
MOST_ADDRESSES = 4
LONGEST_ERROR = 500
PIECE = 4096

Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` have names in lower case; `body` is as it came, cut off at what was asked for.

    `whole` is False when the body broke off, or goes on beyond that.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    whole: bool = True


class NotSent(Exception):
    """Why there is no answer, in words for staff."""


class _Deadline:
    """What is left of the time of one request."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left. Raises NotSent when there are none."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise NotSent(self.text)
        return left

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    @property
    def text(self) -> str:
        return f"No complete answer within {self.seconds:g} s."


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, in the resolver's order. May take long: use it under a deadline."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def send(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
    *,
    most: int,
    insecure: bool = False,
    resolver: Resolve = resolve,
    seconds: float = SECONDS,
    longest: int = LONGEST,
) -> Answer:
    """Make one request and return its answer, of whose body `most` bytes are read. Raises NotSent, and nothing else.

    No transaction may be open meanwhile. `insecure`, for development, lets it go to this machine, by plain
    HTTP, too.
    """

    def exchange(deadline: _Deadline) -> Answer:
        target = target_parse(url, insecure=insecure, longest=longest)
        addresses = _judged(target, deadline, resolver, insecure=insecure)
        return _exchange(target, addresses, _Request(method, headers, body, most), deadline)

    return _bounded(exchange, seconds)


def send_to_own(
    method: str, url: str, headers: Mapping[str, str], body: bytes, *, most: int, seconds: float
) -> Answer:
    """The same for an address of our own settings, which may lie in this network. Raises NotSent, and nothing else."""

    def exchange(deadline: _Deadline) -> Answer:
        parts = urlsplit(url)
        target = Target(
            parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme], parts.path
        )
        addresses = _resolved(target, deadline, resolve)[:MOST_ADDRESSES]
        return _exchange(target, addresses, _Request(method, headers, body, most), deadline)

    return _bounded(exchange, seconds)


def _bounded(exchange: Callable[[_Deadline], Answer], seconds: float) -> Answer:
    deadline = _Deadline(seconds)
    try:
        return exchange(deadline)
    except UnfitUrlError as error:
        raise NotSent(error.detail) from error
    except NotSent:
        raise
    except Exception as error:  # whatever the other side does, it is an answer, not a fault of ours
        raise NotSent(deadline.text if deadline.is_over else _words(error)) from error


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    headers: Mapping[str, str]
    body: bytes | None
    most: int


def _exchange(target: Target, addresses: list[str], request: _Request, deadline: _Deadline) -> Answer:
    wire = _connect(addresses, target.port, deadline)
    with closing(wire), _cut_off(wire, deadline):
        connection = _connection(target, wire, deadline)
        try:
            connection.request(
                request.method, target.path, body=request.body,
                headers={"Host": target.authority, **request.headers},
                preload_content=False, decode_content=False,
            )  # fmt: skip
            return _read(connection.getresponse(), request.most, deadline)
        finally:
            connection.close()


def _judged(target: Target, deadline: _Deadline, resolver: Resolve, *, insecure: bool) -> list[str]:
    """The addresses of the target's host. Raises NotSent when any of them is none to send to."""
    addresses = _resolved(target, deadline, resolver)
    for address in addresses:
        why = address_refusal(address, insecure=insecure)
        if why is not None:
            raise NotSent(f"The host name leads to an address that is {why}: nothing was sent.")
        if target.scheme == "http" and not is_loopback(address):
            raise NotSent("Plain HTTP goes to this machine only: nothing was sent.")
    return addresses[:MOST_ADDRESSES]


def _resolved(target: Target, deadline: _Deadline, resolver: Resolve) -> list[str]:
    addresses = _within(deadline, lambda: resolver(target.host, target.port))
    if not addresses:
        raise NotSent("The host name has no address.")
    return addresses


def _within(deadline: _Deadline, look: Callable[[], list[str]]) -> list[str]:
    """Resolve in a thread of its own: the system's resolver knows no deadline."""
    found: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            found.put(look())
        except Exception as error:  # noqa: BLE001 - raised again where it was asked for
            found.put(error)

    threading.Thread(target=run, name="resolve", daemon=True).start()
    try:
        result = found.get(timeout=deadline.left())
    except queue.Empty:
        raise NotSent("The host name was not resolved in time.") from None
    if isinstance(result, (socket.gaierror, UnicodeError)):
        raise NotSent("The host name cannot be resolved.") from result
    if isinstance(result, Exception):
        raise result
    return result


def _connect(addresses: list[str], port: int, deadline: _Deadline) -> socket.socket:
    """Connect to the first of the judged addresses that takes it. No name is resolved here."""
    problem: Exception = NotSent("No address took the connection.")
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        wire = socket.socket(family, socket.SOCK_STREAM)
        try:
            wire.settimeout(min(deadline.left(), CONNECT_SECONDS))
            wire.connect((address, port))
        except OSError as error:
            wire.close()
            problem = error
        else:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return wire
    raise problem


@contextmanager
def _cut_off(wire: socket.socket, deadline: _Deadline) -> Iterator[None]:
    """Shut the connection at the deadline. A timeout of the socket starts anew with each byte that drips in."""
    line = wire.dup()  # the TLS layer takes the socket itself over
    timer = threading.Timer(deadline.left(), _shut, (line,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        line.close()


def _shut(line: socket.socket) -> None:
    with suppress(OSError):  # the other side may have been faster
        line.shutdown(socket.SHUT_RDWR)


def _connection(target: Target, wire: socket.socket, deadline: _Deadline) -> HTTPConnection:
    """A connection over `wire` that knows the host by its name: for SNI, certificate and Host header."""
    kind = _PinnedHTTPS if target.scheme == "https" else _PinnedHTTP
    more: dict[str, Any] = {"ssl_context": _context()} if target.scheme == "https" else {}
    connection = kind(target.host, target.port, timeout=deadline.left(), **more)
    connection.wire = wire
    return connection


class _Pinned:
    """Uses a connection that is there instead of resolving the name again."""

    wire: socket.socket

    def _new_conn(self) -> socket.socket:
        return self.wire


class _PinnedHTTP(_Pinned, HTTPConnection):
    """Plain HTTP, in development only."""


class _PinnedHTTPS(_Pinned, HTTPSConnection):
    """HTTPS; the certificate must be valid for the name."""


@lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    """The authorities that this machine trusts (SSL_CERT_FILE names others), TLS 1.2 or newer. Read once."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _read(response: BaseHTTPResponse, most: int, deadline: _Deadline) -> Answer:
    kept, whole = b"", False
    # The status is there and says what became of the request; a text that breaks off is cut short.
    with suppress(HTTPError, http.client.HTTPException, OSError):
        while len(kept) < most and (piece := response.read(PIECE, decode_content=False)):
            kept += piece
        whole = len(kept) < most
    if deadline.is_over:  # an answer that does not end is none
        raise NotSent(deadline.text)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, headers, kept[:most], whole)


def _words(error: Exception) -> str:
    """Say what went wrong. Never the text of the exception as it is: it may hold the address."""
    for cause in _causes(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return f"The certificate does not hold: {cause.verify_message}."[:LONGEST_ERROR]
            case ssl.SSLError():
                return f"TLS failed: {cause.reason or type(cause).__name__}."[:LONGEST_ERROR]
            case ConnectionRefusedError():
                return "The connection was refused."
            case ConnectionError():
                return "The connection was cut."
            case TimeoutError():
                return "The connection timed out."
    return f"The answer cannot be read: {type(error).__name__}."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen = 0
    while error is not None and seen < 8:  # noqa: PLR2004 - chains are short; a ring must end
        yield error
        error, seen = error.__cause__ or error.__context__ or _argument(error), seen + 1


def _argument(error: BaseException) -> BaseException | None:
    """urllib3 hands the error it met over as an argument of its own."""
    return next((item for item in error.args if isinstance(item, BaseException)), None)
