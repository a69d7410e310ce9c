"""The event bus of the tests: purchases, and a NATS server of their own that can be stopped and started."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from notifications.bus_publisher import Bus, Stream
from notifications.domain.bus import Answer, Outcome
from tests.billing.money import *  # noqa: F403 - what is published was bought
from tests.licenses.conftest import *  # noqa: F403 - and is a license

STREAM, SUBJECT = "SIGNET_TESTS", "tests.license.issued"


@pytest.fixture
def read() -> Callable[[], None]:
    """Let the reader of the bus read what has happened."""
    from history.services import reader_run, sequence
    from notifications.services.bus import READER

    def run(at: Any) -> None:
        sequence(at=at)
        reader_run(READER, at=at)

    return run


@pytest.fixture
def follow_from_now(read, db, at) -> None:
    """The reader knows the history up to here."""
    read(at)


class Recorder:
    """A bus in memory that answers as it is told, and notes what it was given."""

    def __init__(self) -> None:
        self.answer = Answer(Outcome.STORED, stream="S", sequence=1)
        self.published: list[Any] = []

    def __call__(self, url: str, messages: Any, *, stream: str) -> list[Answer]:
        self.published += messages
        return [self.answer] * len(messages)


@pytest.fixture
def recorder(settings) -> Recorder:
    settings.NATS_URL = "nats://bus.example:4222"
    return Recorder()


@dataclass
class Server:
    """A NATS server with JetStream whose data outlives it."""

    port: int
    data: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        program = shutil.which("nats-server", path="/usr/sbin:/usr/bin:/usr/local/bin:/bin")
        assert program, "nats-server is not installed"
        command = [program, "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self.data)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
                    if line.recv(4) == b"INFO":
                        return
            except OSError:
                assert time.monotonic() < deadline, "the NATS server did not come up"
                time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None


@pytest.fixture
def nats_server(tmp_path) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(port, tmp_path / "jetstream")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def bus(nats_server, settings) -> Iterator[Bus]:
    """A connection of our own to it, its stream made with a window of one second for message ids."""
    settings.NATS_URL, settings.NATS_STREAM, settings.NATS_SUBJECT = nats_server.url, STREAM, SUBJECT
    connection = Bus()
    connection.stream_ensure(nats_server.url, Stream(STREAM, (f"{SUBJECT}.>",), window_seconds=1.0))
    yield connection
    connection.close()
