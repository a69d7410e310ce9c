"""Online validation and license reads over HTTP, against the floor views of the same server process."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from accounts.services.api_keys import api_key_create
from config.kit import clock
from licenses.api.validate import PATH
from licenses.services.issuing import license_issue
from tests.bench import floor, office
from tests.bench.harness import ROUNDS, Result, compare, cpu_seconds, pss_mb

SECONDS = 4
CONNECTIONS = 16


def workloads() -> Iterator[Result]:
    if shutil.which("wrk") is None:
        sys.exit(
            "The HTTP workloads need wrk; on Debian: apt-get install wrk. Or leave them out: --skip serving"
        )
    at = clock.now()
    row = office.licenses_make(1000, at)[500]
    key = license_issue(license=row, channel="bulk", actor=office.ACTOR, at=at).text
    _, token = api_key_create(name="bench", role="full-admin", actor=office.ACTOR, at=at)
    office.analyze()
    question = json.dumps({"key": key})
    select = Call(floor.SELECT, str(row.uid))
    with server() as web:
        yield web.compare("validate online", Call(PATH, question), select, "view, one SELECT", 0.8)
        read = Call(f"/api/v1/licenses/{row.public_id}", token=token)
        yield web.compare("read a license", read, select, "view, one SELECT", None)
    with server(SIGNET_VALIDATION_CACHE_SECONDS="5") as web:
        empty = Call(floor.EMPTY, "{}")
        yield web.compare("validate, cached", Call(PATH, question), empty, "empty view", 0.7)


@dataclass(frozen=True)
class Call:
    """One request, repeated: POST with a body, GET without."""

    path: str
    body: str = ""
    token: str = ""

    @property
    def script(self) -> str:
        lines = [f'wrk.method = "{"POST" if self.body else "GET"}"', f"wrk.body = {json.dumps(self.body)}"]
        lines.append('wrk.headers["Content-Type"] = "application/json"')
        if self.token:
            lines.append(f'wrk.headers["Authorization"] = "Bearer {self.token}"')
        return "\n".join(lines)


class Calling(Protocol):
    """What wrk is to ask: a path and the script that makes the requests."""

    @property
    def path(self) -> str: ...
    @property
    def script(self) -> str: ...


class Server:
    def __init__(self, pid: int, port: int) -> None:
        self.pid, self.base = pid, f"http://127.0.0.1:{port}"
        self.answered = 0

    def compare(
        self,
        name: str,
        ours: Calling,
        other: Calling,
        other_name: str,
        target: float | None,
        *,
        beside: Server | None = None,
        rounds: int = ROUNDS,
        seconds: int = SECONDS,
    ) -> Result:
        """Requests a second of two calls in turn; `beside` is the server of the other, else the same one."""
        before, beside = self._memory(), beside or self
        for where, call in ((self, ours), (beside, other)):
            where.load(call, seconds=2)
        result = compare(
            name,
            lambda: self.load(ours, seconds=seconds),
            lambda: beside.load(other, seconds=seconds),
            other_name=other_name,
            unit="req/s",
            target=target,
            rounds=rounds,
        )
        spent = (self._cpu_seconds(), _postgres_seconds())
        self.load(ours, seconds=seconds)
        web, database = self._cpu_seconds() - spent[0], _postgres_seconds() - spent[1]
        result.notes |= {"MB before": round(before), "MB after": round(self._memory()), "p99 ms": self.p99}
        result.notes |= {
            "web CPU ms": round(1000 * web / self.answered, 3),
            "database CPU ms": round(1000 * database / self.answered, 3),
        }
        return result

    def _processes(self) -> list[int]:
        children = subprocess.run(["pgrep", "-P", str(self.pid)], capture_output=True, text=True, check=False)
        return [self.pid, *map(int, children.stdout.split())]

    def _memory(self) -> float:
        return sum(map(pss_mb, self._processes()))

    def _cpu_seconds(self) -> float:
        return sum(map(cpu_seconds, self._processes()))

    def load(self, call: Calling, *, seconds: int = SECONDS) -> float:
        """Requests a second of wrk with one thread on the other core; any answer but 2xx stops the run."""
        script = Path(tempfile.mkdtemp()) / "wrk.lua"
        script.write_text(call.script, encoding="ascii")
        command = [
            *on_core(1),
            "wrk",
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{seconds}s",
            "--latency",
            "--timeout",
            "10s",
            "-s",
            str(script),
            self.base + call.path,
        ]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        shutil.rmtree(script.parent)
        if "Non-2xx" in out or "Socket errors" in out:
            sys.exit(f"{call.path} did not answer 2xx throughout:\n{out}")
        self.p99 = _milliseconds(re.search(r"99%\s+(\S+)", out)[1])  # type: ignore[index]
        self.answered = int(re.search(r"(\d+) requests in", out)[1])  # type: ignore[index]
        return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])  # type: ignore[index]


def _postgres_seconds() -> float:
    """CPU time of every process of PostgreSQL on this machine, 0 where it runs elsewhere."""
    found = subprocess.run(["pgrep", "-x", "postgres"], capture_output=True, text=True, check=False)
    return sum(cpu_seconds(int(pid)) for pid in found.stdout.split())


def _milliseconds(text: str) -> float:
    """What wrk says of a latency, `870.00us` or `1.2s`, in milliseconds; 0 when it had nothing to say."""
    found = re.match(r"([\d.]+)(us|ms|s)", text)
    return round(float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000}[found[2]], 1) if found else 0.0


def on_core(cpu: int) -> list[str]:
    """The words before a command that keep it on one core, where there is `taskset`."""
    return ["taskset", "-c", str(cpu % (os.cpu_count() or 1))] if shutil.which("taskset") else []


@contextmanager
def server(**environment: str) -> Iterator[Server]:
    """Granian as the product runs it: one worker process with four threads, on the first core."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *on_core(0), sys.executable, "-m", "granian", "--interface", "wsgi",
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--blocking-threads", "4", "--workers-kill-timeout", "3", "--no-ws",
        "config.wsgi:application",
    ]  # fmt: skip
    env = {
        **os.environ,
        **environment,
        "DJANGO_SETTINGS_MODULE": "tests.bench.settings",
        "SIGNET_LOG_LEVEL": "WARNING",
    }
    process = subprocess.Popen(
        command,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(port)
        yield Server(process.pid, port)
    finally:
        process.terminate()
        process.wait(timeout=15)


def _wait(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2).read()
        except OSError:
            time.sleep(0.2)
        else:
            return
    sys.exit("The server did not start.")
