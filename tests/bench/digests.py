"""The expiry digest over ever more licenses, 5,000 of which end within thirty days.

Its selection is held against the same question as one raw statement, its rendering (list, file and mail,
without sending) against what is demanded, and the memory of a process that makes it against its bound.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from django.db import connection

from config.kit import clock
from licenses.models import License
from notifications.digest_content import content_of, context_of
from notifications.models import ExpiryDigest
from notifications.rendering import render
from notifications.selectors.digests import expiring_lines
from notifications.services.digests import digest_create
from tests.bench import office
from tests.bench.harness import Result, compare, rate

SIZES = (10_000, 100_000, 1_000_000)
HITS = 5_000
ACCOUNTS = 2_000
DAY = date(2031, 3, 3)
"""Far from what other workloads insert: nothing else ends there."""
AT = datetime(2031, 3, 3, 7, tzinfo=UTC)
LINES_A_SECOND = 5_000
MOST_MB = 200
SQL = """
SELECT l.id, l.uid, l.account_id, a.name, p.name, t.name, l.kind, l.internal, l.quantity, u.name, u.email,
       l.created_by, l.created_at, l.expires_at
  FROM licenses_license l
  JOIN accounts_account a ON a.id = l.account_id
  JOIN licenses_product p ON p.id = l.product_id
  JOIN licenses_plan t ON t.id = l.plan_id
  LEFT JOIN accounts_user u ON u.id = l.creator_id
 WHERE l.status = 'active' AND NOT l.internal AND l.kind IN ('commercial', 'trial', 'test')
   AND l.expires_at >= %s AND l.expires_at < %s
 ORDER BY l.expires_at, l.id
"""


def workloads() -> Iterator[Result]:
    digest = _digest()
    _accounts()
    _licenses(HITS, first=DAY, days=30)
    first = 0.0
    for size in (size for size in SIZES if size <= _most()):
        missing = size - License.objects.count()
        if missing > 0:
            _licenses(missing, first=date(2032, 1, 1), days=3_000)
        office.analyze()
        result = _selection(digest, size)
        first = first or result.ours
        result.notes["of the rate at the first size"] = f"{result.ours / first:.2f}"
        yield result
    yield _rendering(digest)
    yield _memory()


def _most() -> int:
    """SIGNET_TEST_BENCH_LICENSES leaves the largest tables out: to make a million rows takes a minute."""
    return int(os.environ.get("SIGNET_TEST_BENCH_LICENSES") or SIZES[-1])


def _selection(digest: ExpiryDigest, size: int) -> Result:
    span = content_of(digest, day=DAY, at=AT).span
    bounds = [span.first, span.until]

    def ours() -> None:
        assert sum(1 for _ in expiring_lines(span, digest)) == HITS

    def sql() -> None:
        with connection.cursor() as cursor:
            cursor.execute(SQL, bounds)
            assert len(cursor.fetchall()) == HITS

    return compare(
        f"digest, select of {size:,}",
        lambda: rate(ours, batch=HITS),
        lambda: rate(sql, batch=HITS),
        other_name="one SQL query",
        unit="lines/s",
        target=1 / 3,
    )


def _rendering(digest: ExpiryDigest) -> Result:
    def whole() -> None:
        _make(digest)

    return compare(
        "digest, list and mail",
        lambda: rate(whole, batch=HITS),
        lambda: LINES_A_SECOND,
        other_name="demanded",
        unit="lines/s",
        target=1.0,
        rounds=3,
        licenses=License.objects.count(),
    )


def _make(digest: ExpiryDigest) -> int:
    """Everything but the sending; return the size of the mail with its file."""
    content = content_of(digest, day=DAY, at=AT)
    mail = render("expiry_digest", context_of(digest, content, at=AT))
    return len(mail.html) + len(mail.text) + len(content.file)


def _memory() -> Result:
    idle, peak, seconds = _in_a_process()
    return Result(
        "digest, memory", MOST_MB / peak, 1.0, "bound / peak", "", MOST_MB / peak, MOST_MB / peak,
        MOST_MB / peak, 1.0,
        {"MB idle": round(idle), "MB peak": round(peak), "seconds": round(seconds, 2)},
    )  # fmt: skip


def _in_a_process() -> tuple[float, float, float]:
    """Peak memory in MB before and after a digest in a process of its own, and how long it took."""
    code = "import django; django.setup(); from tests.bench.digests import measured; measured()"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    idle, peak, seconds = json.loads(out.splitlines()[-1])
    return idle / 1024, peak / 1024, seconds


def measured() -> None:
    """What the process of `_in_a_process` does."""
    digest = ExpiryDigest.objects.get(name="Bench")
    idle = _peak()
    started = time.perf_counter()
    _make(digest)
    seconds = time.perf_counter() - started
    print(json.dumps([idle, _peak(), seconds]))


def _peak() -> int:
    """Most memory of this process so far, in kB. `getrusage` would count what its parent had when it was forked."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1])  # type: ignore[index]


# --- rows -------------------------------------------------------------------------------------------------


def _digest() -> ExpiryDigest:
    known = ExpiryDigest.objects.filter(name="Bench").first()
    at = AT - timedelta(days=1)
    return known or digest_create(name="Bench", recipients=["a@b.example"], actor=office.ACTOR, at=at)


def _accounts() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_account (slug, customer_id, name, kind, email, domain, crm_ref, notes, created_at)"
            " SELECT 'bench-' || n, 'C-BENCH' || lpad(n::text, 11, '0'), 'Customer number ' || n, 'customer', '',"
            " '', '', '', now() FROM generate_series(1, %s) n ON CONFLICT DO NOTHING",
            [ACCOUNTS],
        )


def _licenses(count: int, *, first: date, days: int) -> None:
    """Copy one license so many times in the database, with ends spread over days from the first on."""
    office.licenses_make(1, clock.now())
    model = License.objects.latest("pk")
    columns = [field.column for field in License._meta.concrete_fields if field.column != "id"]
    spread = {
        "uid": "gen_random_uuid()",
        "account_id": "(SELECT min(id) FROM accounts_account WHERE slug LIKE 'bench-%%') + n %% %s",
        "expires_at": "%s::timestamptz + n * (%s::interval / %s)",
    }
    values = ", ".join(spread.get(column, f'"{column}"') for column in columns)
    given = {"account_id": [ACCOUNTS], "expires_at": [first, f"{days} days", count]}
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO licenses_license ({', '.join(columns)}) SELECT {values}"
            " FROM licenses_license, generate_series(0, %s) n WHERE id = %s",
            [value for name in columns for value in given.get(name, [])] + [count - 1, model.pk],
        )
