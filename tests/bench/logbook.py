"""The history: sequencing and verifying against the hashing alone, and the memory of a verification."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator

from django.db import transaction

from config.kit import clock
from history.domain.leaves import row_hash
from history.domain.merkle import Frontier
from history.models import Event
from history.rows import event_texts
from history.services import NewEvent, record_many, sequence, verify
from tests.bench import office
from tests.bench.harness import Result, compare

EVENTS = 100_000
PART = 10_000


def workloads() -> Iterator[Result]:
    sequence(at=clock.now(), limit=10**9)
    yield compare(
        "sequence events",
        _sequencing,
        _hashing,
        other_name="hashing alone",
        unit="events/s",
        rounds=3,
    )
    missing = EVENTS - Event.objects.count()
    if missing > 0:
        _record(missing)
        sequence(at=clock.now(), limit=10**9)
    small = _verified_in_a_process(limit=1)
    large = _verified_in_a_process()
    yield compare(
        "history verify",
        _verifying,
        _hashing,
        other_name="hashing alone",
        unit="events/s",
        rounds=3,
        **{"events": Event.objects.count(), "MB to import": round(small), "MB at the end": round(large)},
    )


def _record(count: int) -> None:
    at = clock.now()
    data = {
        "jti": "AaMCBV1EdhWk3aQ2Nwnlxg",
        "format": "jwt",
        "kid": "ksOp53uw3hbuzBL1",
        "sha256": "0" * 64,
        "count": 1,
    }
    for _ in range(-(-count // PART)):
        with transaction.atomic():
            record_many(
                NewEvent(
                    kind="license.issued", subject=f"license:L-{n:026d}", account="C-AAAAAAAAAAAAAAAA",
                    actor=office.ACTOR, data=data, at=at,
                )
                for n in range(PART)
            )  # fmt: skip


def _sequencing() -> float:
    _record(PART)
    started = time.perf_counter()
    done = sequence(at=clock.now(), limit=10**9)
    return done / (time.perf_counter() - started)


def _hashing() -> float:
    """Reading events, canonical JSON, leaf hashes and tree in memory: what nobody can do without."""
    started, frontier, count = time.perf_counter(), Frontier(), 0
    for row in Event.objects.order_by("-id").values_list(*event_texts())[:PART]:
        frontier.append(row_hash(tuple(row)))
        count += 1
    return count / (time.perf_counter() - started)


def _verifying() -> float:
    started = time.perf_counter()
    result = verify()
    if not result.ok:
        sys.exit(f"The history does not verify: {result}")
    return result.size / (time.perf_counter() - started)


def _verified_in_a_process(limit: int = 0) -> float:
    """Peak memory in MB of a process that verifies everything (or only starts, with `limit`)."""
    argument = "--help" if limit else "verify"
    code = (
        f"import resource, sys; sys.argv = ['manage.py', 'history', {argument!r}]\n"
        "try:\n    import manage; manage.main()\nexcept SystemExit: pass\n"
        "print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"peak (\d+)", out)[1]) / 1024  # type: ignore[index]
