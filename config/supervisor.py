"""Web server, worker and beat as one thing that starts, is ready and ends together.

Every part leads a process group of its own, so that a Ctrl-C in the terminal reaches only the
supervisor. It asks the leaders to end: a worker's leader then lets running tasks finish, which a signal
to its whole group would cut off. A small guard process outlives even a SIGKILL of the supervisor and
ends what it left behind.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

TICK = 0.1
COLOURS = ("36", "33", "35", "32", "34")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Reads the living groups, one line at every change. At the end of its input the last line counts: the
# supervisor writes an empty one when it ends in order. Asks the leaders first, then kills the groups.
GUARD = """
while read -r line; do groups=$line; done
for group in $groups; do kill -s TERM "$group"; done
for group in $groups; do
  for second in 1 2 3 4 5 6 7 8 9 10; do kill -s 0 -- "-$group" && sleep 1; done
  kill -s KILL -- "-$group"
done
"""


class PartFailed(Exception):
    """A part ended too often to be started once more; the text says which."""


class PortTaken(Exception):
    """The web server's address cannot be had; the text says why in one line."""


@dataclass(frozen=True)
class Part:
    """One program to keep running."""

    name: str
    command: Sequence[str]


@dataclass(frozen=True)
class Patience:
    """How long the supervisor waits, in seconds, and how often it tries again.

    `restarts` counts within one bad spell: a part that ran for `healthy` seconds starts afresh.
    """

    stop: float = 30.0
    backoff: float = 0.5
    restarts: int = 4
    healthy: float = 60.0


@dataclass
class Running:
    """A part, its process and its record of failures."""

    part: Part
    colour: str
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    due_at: float = 0.0
    pump: threading.Thread | None = field(default=None, repr=False)


def check_port(host: str, port: int) -> None:
    """Raise `PortTaken` when no server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(
                f"Cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}."
                " Stop what uses it, or choose another with PORT=… or --port."
            ) from error


def answers(host: str, port: int, path: str = "/healthz") -> bool:
    """Whether the web server gives an answer that is not a server error."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    connection = http.client.HTTPConnection(address, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def own_foreground() -> Iterator[None]:
    """Be the terminal's foreground group, so that Ctrl-C does not also interrupt a `make` that waits for us.

    Does nothing without a terminal, or when a shell already gave us a group of our own.
    """
    group = os.getpgrp()
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        yield
        return
    try:
        if group == os.getpid() or os.tcgetpgrp(terminal) != group:
            yield
            return
        os.setpgid(0, 0)
        # A background group that sets the foreground is stopped by SIGTTOU. A Ctrl-Z would stop us alone and
        # leave a shell that waits for `make` without its terminal.
        before = {
            number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTTOU, signal.SIGTSTP)
        }
        os.tcsetpgrp(terminal, os.getpgrp())
        try:
            yield
        finally:
            os.tcsetpgrp(terminal, group)
            os.setpgid(0, group)
            for number, handler in before.items():
                signal.signal(number, handler)
    finally:
        os.close(terminal)


class Supervisor:
    """Runs parts until told to stop."""

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        folder: Path,
        environment: Mapping[str, str],
        address: tuple[str, int] | None = None,
        ready: str = "Ready.",
        patience: Patience | None = None,
        output: IO[str] = sys.stdout,
    ) -> None:
        """Prepare; `run` does the work.

        Args:
            parts: what to run, all at once.
            folder: their working directory.
            environment: added to this process's own.
            address: host and port that answer `/healthz` when `ready` may be printed; None prints at once.
            ready: the line for it.
            patience: see `Patience`.
            output: where lines go. On a terminal they carry the part's name in colour; anywhere else the
                parts write to it by themselves, so that logs stay what they are.
        """
        self._running = [Running(part, COLOURS[n % len(COLOURS)]) for n, part in enumerate(parts)]
        self._folder = folder
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
        self._address = address
        self._ready = ready
        self._patience = patience or Patience()
        self._output = output
        self._named = output.isatty()
        self._stops = 0
        self._guard: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Run until a signal or a part that keeps failing; returns the exit status, 0 or 1."""
        status = 0
        with self._signals(), own_foreground():
            self._start_guard()
            try:
                self._watch()
            except PartFailed as failure:
                self._say(str(failure))
                status = 1
            finally:
                self._stop()
        return status

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def count(_number: int, _frame: FrameType | None) -> None:
            self._stops += 1

        before = {number: signal.signal(number, count) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _watch(self) -> None:
        ready = False
        while not self._stops:
            for running in self._running:
                self._look_after(running)
            if not ready and self._is_ready():
                ready = True
                self._say(self._ready)
            time.sleep(TICK)

    def _is_ready(self) -> bool:
        if any(running.process is None for running in self._running):
            return False
        return self._address is None or answers(*self._address)

    def _look_after(self, running: Running) -> None:
        if running.process is None:
            if time.monotonic() >= running.due_at:
                self._start(running)
        elif running.process.poll() is not None:
            self._note_failure(running, running.process.returncode)

    def _start(self, running: Running) -> None:
        running.process = subprocess.Popen(  # noqa: S603 - our own commands
            running.part.command,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if self._named else None,
            stderr=subprocess.STDOUT if self._named else None,
            start_new_session=True,
        )
        running.started_at = time.monotonic()
        self._tell_guard()
        if running.process.stdout is not None:
            arguments = (running.process.stdout, running.part.name, running.colour)
            running.pump = threading.Thread(target=self._relay, args=arguments, daemon=True)
            running.pump.start()

    def _relay(self, lines: IO[bytes], name: str, colour: str) -> None:
        with lines:
            for line in lines:
                text = line.decode(errors="replace").rstrip("\n")
                self._write(f"\033[{colour}m{name:>6}\033[0m {text}\n")

    def _note_failure(self, running: Running, status: int) -> None:
        kill_group(running)
        running.process = None
        if time.monotonic() - running.started_at >= self._patience.healthy:
            running.failures = 0
        running.failures += 1
        ended = f"killed by signal {-status}" if status < 0 else f"ended with status {status}"
        if running.failures > self._patience.restarts:
            raise PartFailed(f"{running.part.name} {ended} {running.failures} times in a row; giving up.")
        delay = self._patience.backoff * 2 ** (running.failures - 1)
        running.due_at = time.monotonic() + delay
        self._say(f"{running.part.name} {ended}; starting it again in {delay:g} s.")
        self._tell_guard()

    def _stop(self) -> None:
        living = [running for running in self._running if running.process is not None]
        first = self._stops
        if living and first:
            self._say("Stopping: what runs may finish. Ctrl-C again ends it at once.")
        for running in living:
            if running.process is not None and running.process.poll() is None:
                running.process.terminate()
        deadline = time.monotonic() + self._patience.stop
        while self._stops == first and time.monotonic() < deadline and any(map(is_alive, living)):
            time.sleep(TICK)
        for running in living:
            if is_alive(running):
                self._say(f"{running.part.name} did not end by itself; killed.")
            kill_group(running)
            if running.pump is not None:
                running.pump.join(timeout=1)
            running.process = None
        self._tell_guard()
        self._end_guard()

    def _start_guard(self) -> None:
        self._guard = subprocess.Popen(  # noqa: S603 - a fixed script
            ["/bin/sh", "-c", GUARD],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _tell_guard(self) -> None:
        if self._guard is None or self._guard.stdin is None:
            return
        groups = [str(running.process.pid) for running in self._running if running.process is not None]
        try:
            self._guard.stdin.write(f"{' '.join(groups)}\n".encode())
            self._guard.stdin.flush()
        except BrokenPipeError:
            self._guard = None

    def _end_guard(self) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()

    def _say(self, line: str) -> None:
        self._write(f"\033[1m{line}\033[0m\n" if self._named else f"{line}\n")

    def _write(self, text: str) -> None:
        try:
            self._output.write(text)
            self._output.flush()
        except OSError:
            # The terminal went away; its SIGHUP ends us in order.
            return


def is_alive(running: Running) -> bool:
    """Whether the leader still runs."""
    return running.process is not None and running.process.poll() is None


def kill_group(running: Running) -> None:
    """Kill what is left of a part: its leader and whatever that started."""
    if running.process is None:
        return
    # Nobody left; macOS says the second when only zombies are.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(running.process.pid, signal.SIGKILL)
    running.process.wait()
