"""Heartbeats and activations over HTTP against the floor views of the same server, and the buffer's worker.

SIGNET_TEST_BENCH_INSTALLATIONS says how many installations there are in the end (100,000; a million takes some
minutes more). Buffered heartbeats have a Redis of their own.
"""

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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from accounts.services.api_keys import api_key_create
from config.kit import clock
from licenses.api.heartbeat import PATH
from tests.bench import office, signals_floor, signals_rows
from tests.bench.harness import Result, compare
from tests.bench.serving import Call, server
from tests.bench.signals_rows import Deployment

DEPLOYMENTS = 1_000
"""So few that their signatures and, of buffered ones, their answers are remembered after the first round."""
SHORT: dict[str, int] = {"rounds": 3, "seconds": 2}
SMALL, LARGE = 10_000, 100_000
AGE_DAYS, AGED = 90, 10_000
ACTIVATE = "/api/v1/activations"
MACHINES = ((1, 400), (100, 400), (10_000, 20))
"""Machines a license, and how many such licenses."""


def workloads() -> Iterator[Result]:
    with office.own_database("signals"), tempfile.TemporaryDirectory() as folder:
        at = clock.now()
        deployments = signals_rows.deployments_make(DEPLOYMENTS, at)
        signals_rows.installations_make(SMALL, at)
        office.analyze()
        calls = _Requests(PATH, _beats(Path(folder) / "beats", deployments))
        others = _Requests(PATH, _other_words(Path(folder) / "others", deployments))
        upserts = _Requests(signals_floor.UPSERT, _ids(Path(folder) / "ids"))
        yield from _direct(calls, upserts)
        yield from _growing(calls, upserts)
        yield from _buffered(calls, others)
        yield from _activating(Path(folder), upserts)


# --- heartbeats -----------------------------------------------------------------------------------


def _direct(calls: _Requests, upserts: _Requests) -> Iterator[Result]:
    """The target is held with few installations; how it stays so is `_growing`.

    The floor waits for the disk at its commit. A beat that says nothing new does not: see `licenses.beats`.
    """
    _, token = api_key_create(name="beats", role="full-admin", actor=office.ACTOR, at=clock.now())
    empty = Call(signals_floor.AUTHENTICATED, "{}", token)
    with server() as web:
        name = f"heartbeat, {SMALL:,} installations"
        yield web.compare(name, calls, upserts, "view, one upsert", 0.8, **SHORT)
        yield web.compare("heartbeat", calls, empty, "empty DRF view", None, **SHORT)
        yield compare(
            "heartbeat", lambda: web.load(calls, seconds=2), _pgbench,
            other_name="pgbench, bare upsert", unit="req/s", rounds=3,
        )  # fmt: skip


def _growing(calls: _Requests, upserts: _Requests) -> Iterator[Result]:
    """More installations, then years of days behind them: the ratio to the floor and the CPU stay."""
    at, large = clock.now(), int(os.environ.get("SIGNET_TEST_BENCH_INSTALLATIONS") or LARGE)
    print(f"seeding {large:,} installations", flush=True)
    signals_rows.installations_make(large, at)
    with server() as web:
        yield web.compare(
            f"heartbeat, {large:,} installations", calls, upserts, "view, one upsert", 0.8, **SHORT
        )
    days = signals_rows.days_make(AGE_DAYS, at, most=AGED)
    with server() as web:
        yield web.compare(
            f"heartbeat, {days:,} days behind", calls, upserts, "view, one upsert", 0.8, **SHORT
        )


def _buffered(calls: _Requests, others: _Requests) -> Iterator[Result]:
    with _redis() as url:
        environment = {"SIGNET_REDIS_URL": url, "SIGNET_HEARTBEAT_BUFFER": "true"}
        with server(**environment) as buffering, server() as direct:
            result = buffering.compare(
                "heartbeat, buffered", calls, calls, "heartbeat, direct", 3.0, beside=direct, **SHORT
            )
            yield result
            yield buffering.compare(
                "heartbeat, buffered, other words", others, others, "heartbeat, direct", None, beside=direct, **SHORT
            )  # fmt: skip
            yield compare(
                "heartbeat, buffered", lambda: buffering.load(calls, seconds=2), _pgbench,
                other_name="pgbench, bare upsert", unit="req/s", target=0.5, rounds=3,
            )  # fmt: skip
            time.sleep(1)
            yield _draining(result.ours, environment)


def _draining(accepted: float, environment: dict[str, str]) -> Result:
    """The worker against the rate at which one web process took the beats that it applies now."""
    code = "import django; django.setup(); from tests.bench.signals import drained; drained()"
    out = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    rates: list[float] = json.loads(out.splitlines()[-1])
    turn = iter(rates)
    return compare(
        "beats applied by a worker", lambda: next(turn), lambda: accepted, other_name="taken by a web process",
        unit="beats/s", target=1.0, rounds=len(rates),
    )  # fmt: skip


def drained() -> None:
    """What the process of `_draining` does: three rates, in beats a second."""
    from licenses.services.beat_buffer import beats_drain

    beats_drain(limit=4_000)
    rates = []
    for _ in range(3):
        started = time.perf_counter()
        done = beats_drain(limit=8_000)
        rates.append(done / (time.perf_counter() - started))
    print(json.dumps(rates))


@contextmanager
def _redis() -> Iterator[str]:
    if shutil.which("redis-server") is None:
        sys.exit("Buffered heartbeats need redis-server; on Debian: apt-get install redis-server.")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        try:
            _wait(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait(timeout=15)


def _wait(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit("Redis did not start.")


# --- activations ----------------------------------------------------------------------------------


def _activating(folder: Path, upserts: _Requests) -> Iterator[Result]:
    """Each request is a new machine; what a place costs does not depend on how many there are."""
    with server() as web:
        for each, count in MACHINES:
            at = clock.now()
            deployments = signals_rows.deployments_make(count, at, machines=1_000_000)
            signals_rows.machines_make(deployments[0].license_pk, count, each, at)
            lines = [(deployment.text, '{"fingerprint": "%s"}') for deployment in deployments]
            calls = _Requests(ACTIVATE, _written(folder / f"machines-{each}", lines))
            yield web.compare(
                f"activate, {each:,} machines a license", calls, upserts, "view, one upsert", 0.43, **SHORT
            )


# --- requests -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Requests:
    """Other requests in turn, from a file with a credential and a body a line; `%s` in a body is never the same."""

    path: str
    file: Path

    @property
    def script(self) -> str:
        return f"""
            local calls, turn, mark = {{}}, 0, os.time() % 1000 + 1
            for line in io.lines({json.dumps(str(self.file))}) do
                local token, body = line:match("^(.-)\\t(.*)$")
                calls[#calls + 1] = {{token, body}}
            end
            math.randomseed(os.time())
            local start = math.random(#calls)
            request = function()
                turn = turn + 1
                local call = calls[(start + turn) % #calls + 1]
                return wrk.format("POST", nil, {{
                    ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. call[1]
                }}, (call[2]:gsub("%%s", string.format("%d%06d", mark, turn))))
            end
        """


def _beats(path: Path, deployments: Sequence[Deployment]) -> Path:
    return _written(path, [(deployment.text, deployment.beat) for deployment in deployments])


def _other_words(path: Path, deployments: Sequence[Deployment]) -> Path:
    """Beats that never say the same twice: nothing of them is remembered but the signature."""
    words = [f'{deployment.beat[:-1]}, "seats_used": %s}}' for deployment in deployments]
    return _written(
        path, [(deployment.text, body) for deployment, body in zip(deployments, words, strict=True)]
    )


def _ids(path: Path) -> Path:
    return _written(path, [("-", str(number)) for number in range(1, DEPLOYMENTS + 1)])


def _written(path: Path, lines: Sequence[tuple[str, str]]) -> Path:
    path.write_text("".join(f"{token}\t{body}\n" for token, body in lines), encoding="ascii")
    return path


# --- without Python -------------------------------------------------------------------------------


def _pgbench() -> float:
    """Upserts a second by eight connections with prepared statements."""
    if shutil.which("pgbench") is None:
        sys.exit("The bare upsert needs pgbench, which comes with PostgreSQL.")
    url = urlsplit(os.environ["SIGNET_DATABASE_URL"])
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        statement = signals_floor.SQL.replace("%s", ":id").removesuffix(" RETURNING beats")
        script.write(f"\\set id random(1, {DEPLOYMENTS})\n{statement};\n")
        script.flush()
        out = subprocess.run(
            ["pgbench", "-n", "-M", "prepared", "-c", "8", "-T", "2", "-f", script.name,
             urlunsplit(url._replace(scheme="postgresql"))],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    return float(re.search(r"tps = ([\d.]+)", out)[1])  # type: ignore[index]
