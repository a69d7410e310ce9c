"""Sweeps, drip run and funnel with ten thousand installations and with many: time a row, and memory.

Two databases of the same making, a process on each in turn. SIGNET_TEST_BENCH_INSTALLATIONS says how many
installations the large one has (100,000; with a million there are a hundred thousand trials).
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

from config.kit import clock
from tests.bench import office, trials_rows
from tests.bench.harness import Result

SMALL, LARGE = 10_000, 100_000
ROUNDS = 3
SAME = 1 / 1.5
"""A row of the large database costs at most half as much again."""
MOST_MB = 20
"""What a run may take beyond an idle process, however many rows there are."""


def workloads() -> Iterator[Result]:
    large = int(os.environ.get("SIGNET_TEST_BENCH_INSTALLATIONS") or LARGE)
    yield from grown(TASKS, _database, SMALL, large, what="installations", module=__name__)


def grown(
    tasks: Tasks,
    database: Callable[[int], AbstractContextManager[str]],
    small: int,
    large: int,
    *,
    what: str,
    module: str,
) -> Iterator[Result]:
    """Each task with many rows against few, in processes of their own; `module` has `measured(turn, size)`."""
    with database(large) as there, database(small) as here:
        many: list[dict[str, Any]] = []
        few: list[dict[str, Any]] = []
        for turn in range(ROUNDS):
            many.append(_in_a_process(there, turn, large, module))
            few.append(_in_a_process(here, turn, small, module))
        for task in tasks:
            names = (f"{task}, {large:,} {what}", f"at {small:,}")
            yield _result(names, [run[task] for run in many], [run[task] for run in few])


@contextmanager
def _database(size: int) -> Iterator[str]:
    """The address of a database with so many installations."""
    with office.own_database(f"trials_{size}") as address:
        print(f"seeding {size // 10:,} trials with {size:,} installations", flush=True)
        trials_rows.trials_make(size, now_at_noon())
        yield address


def _result(names: tuple[str, str], many: list[dict[str, Any]], small: list[dict[str, Any]]) -> Result:
    pairs = [(a["rows"] / a["seconds"], b["rows"] / b["seconds"]) for a, b in zip(many, small, strict=True)]
    ratios = [a / b for a, b in pairs]
    grown = max(run["peak"] - run["idle"] for run in many) / 1024
    notes: dict[str, float | int | str] = {
        "rows": many[0]["rows"],
        "seconds": round(statistics.median(run["seconds"] for run in many), 2),
        "CPU seconds": round(statistics.median(run["cpu"] for run in many), 2),
        "MB idle": round(many[0]["idle"] / 1024),
        "MB more": round(grown, 1),
    }
    if grown > MOST_MB:
        notes["TOO MUCH"] = f"over {MOST_MB} MB"
    return Result(
        names[0], statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), names[1],
        "rows/s", statistics.median(ratios), min(ratios), max(ratios), SAME, notes,
    )  # fmt: skip


def _in_a_process(address: str, turn: int, size: int, module: str) -> dict[str, Any]:
    code = f"import django; django.setup(); from {module} import measured; measured({turn}, {size})"
    environment = os.environ | {"SIGNET_DATABASE_URL": address}
    out = subprocess.run(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


# --- what the process does ------------------------------------------------------------------------


def measured(turn: int, size: int, tasks: Tasks | None = None) -> None:
    """Run each task once and print what it took; the process is thrown away afterwards."""
    at, found = now_at_noon(), {}
    for name, (due, prepare, run) in (tasks or TASKS).items():
        count = max(50, int(size * due))
        prepare(turn, count, at)
        with clock.frozen(at):
            run(at - timedelta(days=400))  # what the first call loads is not of this run
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
            idle, started, cpu = _peak(), time.perf_counter(), time.process_time()
            done = run(at)
            seconds, used = time.perf_counter() - started, time.process_time() - cpu
        assert done >= count, (name, done, count)
        found[name] = {"rows": done, "seconds": seconds, "cpu": used, "idle": idle, "peak": _peak()}
    print(json.dumps(found))


def _postures(at: datetime) -> int:
    from licenses.services.posture import posture_sweep

    return posture_sweep(at=at, limit=10**9)


def _node_caps(at: datetime) -> int:
    from licenses.services.node_caps import node_cap_sweep

    return node_cap_sweep(at=at, limit=10**9)


def _engagements(at: datetime) -> int:
    from trials.services.running import trial_sweep

    return trial_sweep(at=at, limit=10**9)


def _drips(at: datetime) -> int:
    from notifications.services.drips import drip_run

    done = drip_run(at=at, limit=10**9)
    assert not done.failed, done
    return done.sent


def _funnel(at: datetime) -> int:
    from trials.domain.funnel import Stage
    from trials.funnel import funnel

    lines = funnel(since=at - timedelta(days=60), until=at + timedelta(days=1))
    return sum(line.counts.get(Stage.ISSUED, 0) for line in lines)


def _nothing(turn: int, count: int, at: datetime) -> None:
    """All trials of the period are read, whatever is due."""


Tasks: TypeAlias = dict[str, tuple[float, Callable[[int, int, datetime], None], Callable[[datetime], int]]]
TASKS: Tasks = {
    # of each installation how much falls due, what makes it so, and the run
    "posture sweep": (0.01, trials_rows.postures_fall_due, _postures),
    "node cap sweep": (0.01, trials_rows.node_caps_fall_due, _node_caps),
    "trial sweep": (0.01, trials_rows.engagements_fall_due, _engagements),
    "drip run": (0.001, trials_rows.drips_fall_due, _drips),
    "funnel": (0.1, _nothing, _funnel),
}


def now_at_noon() -> datetime:
    """Noon: trial mail is sent by day."""
    return clock.now().astimezone(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


def _peak() -> int:
    """Most memory of this process since the mark was set, in kB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1])  # type: ignore[index]
