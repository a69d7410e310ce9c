"""Ratios, not times: two things measured alternately in one run, so that a slow hour slows both."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROUNDS = 5
SECONDS = 1.5
NOISE = 0.25


@dataclass
class Result:
    """One line of the table. `ratio` is ours / other, the median of the rounds with its range."""

    name: str
    ours: float
    other: float
    other_name: str
    unit: str
    ratio: float
    low: float
    high: float
    target: float | None = None
    notes: dict[str, float | int | str] = field(default_factory=dict)

    @property
    def reached(self) -> str:
        if self.target is None:
            return ""
        return "reached" if self.ratio >= self.target else "MISSED"


def rate(call: Callable[[], object], seconds: float = SECONDS, *, batch: int = 1) -> float:
    """Calls a second of wall time; `batch` is what one call does."""
    call()
    count, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        call()
        count += batch
    return count / elapsed


def rate_together(
    pool: ThreadPoolExecutor, callers: int, call: Callable[[], object], seconds: float = SECONDS
) -> float:
    """Calls a second of wall time by several threads of this process, each calling again and again."""
    started = time.perf_counter()
    ends_at = started + seconds

    def caller(_: int) -> int:
        done = 0
        while time.perf_counter() < ends_at:
            call()
            done += 1
        return done

    done = sum(pool.map(caller, range(callers)))
    return done / (time.perf_counter() - started)


def compare(
    name: str,
    ours: Callable[[], float],
    other: Callable[[], float],
    *,
    other_name: str,
    unit: str,
    target: float | None = None,
    rounds: int = ROUNDS,
    **notes: float | str,
) -> Result:
    """Measure two rates in turn (A B A B …) and return the median ratio of the pairs."""
    pairs = [(ours(), other()) for _ in range(rounds)]
    ratios = [a / b for a, b in pairs]
    return Result(
        name,
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        other_name,
        unit,
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        target,
        dict(notes),
    )


def pin(cpu: int) -> None:
    """Keep this process and its children on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {cpu % (os.cpu_count() or 1)})


def pss_mb(pid: int) -> float:
    """Proportional memory of a process in MB (Linux), 0 where it cannot be read."""
    try:
        with Path(f"/proc/{pid}/smaps_rollup").open(encoding="ascii") as rollup:
            return next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) / 1024
    except (OSError, StopIteration):
        return 0.0


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used so far (Linux), 0 where it cannot be read."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def table(results: list[Result]) -> str:
    """The results as an aligned table."""
    rows = [("workload", "ours", "compared with", "", "ratio", "range", "target")]
    rows += [
        (
            r.name,
            f"{r.ours:,.0f} {r.unit}",
            r.other_name,
            f"{r.other:,.0f}",
            f"{r.ratio:.2f}",
            f"{r.low:.2f} to {r.high:.2f}",
            f"{r.target:.2f} {r.reached}" if r.target is not None else "",
        )
        for r in results
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    notes = [f"  {r.name}: {', '.join(f'{k} {v}' for k, v in r.notes.items())}" for r in results if r.notes]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:], *(["", *notes] if notes else [])])


def as_json(results: list[Result]) -> list[dict[str, object]]:
    return [{**asdict(r), "reached": r.reached} for r in results]
