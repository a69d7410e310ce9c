"""The payment report and its file, with ten thousand payments and with a million (E30).

One database, asked for its newest month and for everything: a page must not cost more because the table is
large, and the file must not need more memory. SIGNET_TEST_BENCH_PAYMENTS makes the million smaller.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.test import Client

from accounts.models import Account
from accounts.services.accounts import account_create
from accounts.services.api_keys import api_key_create
from billing.models import MerchantProfile, Offer
from config.kit import clock
from licenses.models import Plan
from tests.bench import office
from tests.bench.harness import Result, compare, pss_mb, rate

LARGE = 1_000_000
SECONDS = 1.0
ROUNDS = 3
MOST_MB = 20
"""The file may make the process this much larger, whatever its length."""
ACCOUNTS = 500
SLOWEST_MS = 1_500
"""A page with the totals of a million rows in it: one pass over the table."""
URL = "/api/v1/reports/payments"
SEED = """
INSERT INTO billing_payment (
  uid, merchant_id, source, reference, purpose, account_id, offer_id, customer_ref, customer_name,
  customer_email, invoice_ref, intent_ref, currency, amount_minor, expected_minor, tax_minor, refunded_minor,
  state, dispute_ref, livemode, counted, period_start, period_end, paid_at, recorded_at, revision
)
SELECT gen_random_uuid(), %(merchant)s, 'invoice', 'in_bench_' || n, 'purchase',
  (%(accounts)s::bigint[])[1 + n %% %(count)s], %(offer)s, 'cus_' || n %% %(count)s, 'Buyer ' || n %% 5000,
  'buyer' || n %% 5000 || '@example.com', 'in_bench_' || n, 'pi_bench_' || n,
  CASE WHEN n %% 4 = 0 THEN 'usd' ELSE 'eur' END, 9900 + n %% 100, 9900 + n %% 100, 1580,
  CASE WHEN n %% 50 = 0 THEN 1000 ELSE 0 END, CASE WHEN n %% 50 = 0 THEN 'partially_refunded' ELSE 'settled' END,
  '', TRUE, n %% 20 <> 0, now(), now(), now() - n * interval '1 minute', now(), 0
FROM generate_series(1, %(rows)s) AS n
"""


def workloads() -> Iterator[Result]:
    rows = min(LARGE, int(os.environ.get("SIGNET_TEST_BENCH_PAYMENTS") or LARGE))
    with office.own_database("reports"):
        yield from _asked(rows)


def _asked(rows: int) -> Iterator[Result]:
    token = _seed(rows)
    client = Client(headers={"Authorization": f"Bearer {token}"})
    yield _export(client, rows)
    since = _instant(client, rows)
    yield _page(client, f"report, page 1 of {rows:,}", {}, since)
    yield _page(client, f"report, one product of {rows:,}", {"product": "bench"}, since)
    yield _page(client, f"report, one organisation of {rows:,}", {"organization": "bench-7"}, since)


def _seed(rows: int) -> str:
    at, actor = clock.now(), "cli:bench"
    plan = Plan.objects.get(slug="trial")
    merchant, _ = MerchantProfile.objects.get_or_create(
        is_default=True, defaults={"slug": "default", "name": "Default"}
    )
    offer = Offer.objects.create(
        slug="bench", lookup_key="bench", name="Bench", plan=plan, interval="year", merchant=merchant
    )
    for number in range(ACCOUNTS):
        account_create(name=f"Bench {number}", slug=f"bench-{number}", actor=actor, at=at)
    accounts = list(Account.objects.filter(slug__startswith="bench-").values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # every key is known to be there
        cursor.execute(
            SEED,
            {
                "merchant": merchant.pk, "accounts": accounts, "count": len(accounts), "offer": offer.pk,
                "rows": rows,
            },
        )  # fmt: skip
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("ANALYZE billing_payment")
    return api_key_create(name="bench", role="full-admin", actor=actor, at=at)[1]


def _instant(client: Client, rows: int) -> str:
    """The instant behind which ten thousand payments stand, or a hundredth of a smaller table."""
    size = 500
    page = max(1, min(10_000, rows // 100) // size)
    items = client.get(URL, {"page": page, "pageSize": size}).json()["items"]
    return str(items[-1]["paid_at"])


def _page(client: Client, name: str, query: dict[str, Any], since: str) -> Result:
    """A page over everything against the same over the newest ten thousand; both with their totals."""

    def ask(**more: Any) -> None:
        answer = client.get(URL, {**query, **more})
        assert answer.status_code == 200, answer.content
        assert answer.json()["total"] == sum(line["count"] for line in answer.json()["totals"])

    began = time.perf_counter()
    ask()
    slow = 1000 * (time.perf_counter() - began)
    result = compare(
        name,
        lambda: rate(ask, SECONDS),
        lambda: rate(lambda: ask(**{"from": since}), SECONDS),
        other_name="newest 10,000",
        unit="pages/s",
        rounds=ROUNDS,
        first_ms=round(slow),
    )
    if slow > SLOWEST_MS:
        result.notes["slow"] = f"over {SLOWEST_MS} ms"
    return result


def _export(client: Client, rows: int) -> Result:
    """The file of everything: its rate, its first byte, and how much larger the process gets."""
    size, lines, first = 0, 0, 0.0
    before = most = pss_mb(os.getpid())
    began = time.perf_counter()
    for number, piece in enumerate(client.get(f"{URL}/export").streaming_content):
        first = first or time.perf_counter() - began
        size, lines = size + len(piece), lines + piece.count(b"\n")
        if number % 200 == 0:
            most = max(most, pss_mb(os.getpid()))
    seconds = time.perf_counter() - began
    assert lines == rows + 1, lines
    grown = max(0.0, max(most, pss_mb(os.getpid())) - before)
    speed = lines / seconds
    notes: dict[str, float | int | str] = {
        "seconds": round(seconds, 1),
        "mb": round(size / 1e6),
        "grown_mb": round(grown, 1),
        "first_ms": round(1000 * first),
    }
    return Result(
        f"report as a file, {rows:,} rows", speed, float(MOST_MB), "MB allowed", "rows/s",
        MOST_MB / max(grown, 0.1), 0.0, 0.0, 1.0, notes,
    )  # fmt: skip
