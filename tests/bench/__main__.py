"""`make bench`: every workload as a ratio in one run, as a table and as JSON.

Needs PostgreSQL (SIGNET_DATABASE_URL names a server on which a database may be made) and a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.bench.harness import NOISE, Result, as_json, pin, rate, table

NAMES = (
    "issuing",
    "serving",
    "logbook",
    "digests",
    "backoffice",
    "signals",
    "trials",
    "evidence",
    "billing",
    "billing_reports",
    "crm",
    "crm_sync",
)
DATABASE = os.environ.get("SIGNET_TEST_BENCH_DATABASE") or "signet_bench"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=NAMES, default=NAMES)
    parser.add_argument("--skip", nargs="*", choices=NAMES, default=())
    parser.add_argument("--output", default="bench-results", help="folder of the JSON file")
    options = parser.parse_args()
    _prepare()
    from tests.bench.office import forget_empty

    results, calibrations = [], [_calibrate()]
    for name in (name for name in options.only if name not in options.skip):
        for result in _workloads(name):
            results.append(result)
            print(table([result]).splitlines()[2], flush=True)
        calibrations.append(_calibrate())
    forget_empty()
    spread = max(calibrations) / min(calibrations) - 1
    print("\n" + table(results))
    print(
        f"\nRSA-3072 signatures a second, between workloads: {', '.join(f'{c:,.0f}' for c in calibrations)}"
    )
    _write(Path(options.output), results, calibrations)
    if spread > NOISE:
        sys.exit(
            f"The machine's speed changed by {spread:.0%} during the run: these ratios are not to be quoted."
        )


def _prepare() -> None:
    """Make the database anew and set Django up on it, pinned to one core."""
    url = urlsplit(os.environ.get("SIGNET_DATABASE_URL") or "postgres://root@127.0.0.1:5432/postgres")
    import psycopg

    admin = urlunsplit(url._replace(scheme="postgresql", path="/postgres"))
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE}")
    os.environ["SIGNET_DATABASE_URL"] = urlunsplit(url._replace(path=f"/{DATABASE}"))
    os.environ["SIGNET_DATA"] = tempfile.mkdtemp(prefix="signet-bench-")
    os.environ["SIGNET_LOG_LEVEL"] = "ERROR"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.settings"
    pin(0)
    import django

    django.setup()
    from tests.bench.office import keep_empty, open_office

    open_office()
    keep_empty()


def _workloads(name: str) -> Iterator[Result]:
    from importlib import import_module

    yield from import_module(f"tests.bench.{name}").workloads()


def _calibrate() -> float:
    from licenses.domain.enums import Algorithm
    from licenses.signers import signer_of
    from tests.bench.office import signing_key

    signer = signer_of(signing_key(Algorithm.RS256))
    return statistics.median(rate(lambda: signer.sign(b"x" * 388), 1.0) for _ in range(3))


def _write(folder: Path, results: list[Result], calibrations: list[float]) -> None:
    folder.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    path = folder / f"{now:%Y%m%dT%H%M%SZ}.json"
    document = {"at": now.isoformat(), "calibrations": calibrations, "results": as_json(results)}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"Written to {path}")


if __name__ == "__main__":
    main()
