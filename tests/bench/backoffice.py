"""The license list, its search, dashboard, palette and export, with ten thousand licenses and with a million.

Two databases of the same making, asked in turn by the same process, so that only the number of rows differs.
SIGNET_TEST_BENCH_LICENSES makes the large one smaller: seeding a million takes some minutes.
"""

from __future__ import annotations

import base64
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.services.api_keys import api_key_create
from accounts.services.users import user_create
from config.demo import demo_seed
from config.kept_figures import figures_refresh
from config.kit import clock
from licenses.admin.licenses import EXPORTED
from licenses.admin.list_presets import preset_url
from licenses.models import License
from tests.bench import office
from tests.bench.harness import Result, compare, pss_mb, rate

SMALL, LARGE = 10_000, 1_000_000
SLOWEST_MS = 300
SAME = 1 / 1.5
"""A page at a million takes at most half as long again as at ten thousand."""
SECONDS = 1.0
ROUNDS = 5
MOST_MB, FIRST_MS = 20, 200
HOUR = timedelta(hours=1)
LIST = "/admin/licenses/license/"
ACCOUNTS = "/admin/accounts/account/"


def workloads() -> Iterator[Result]:
    large = min(LARGE, int(os.environ.get("SIGNET_TEST_BENCH_LICENSES") or LARGE))
    bench = _Databases(small=SMALL, large=large)
    try:
        for name, address in _pages(bench).items():
            yield bench.page(f"{name} at {large:,}", address)
        yield bench.page(
            f"dashboard, counted anew at {large:,}", lambda: reverse("admin:index") + "?fresh", target=None
        )
        yield bench.search("palette", "summit robotics")
        yield bench.api()
        yield from bench.export()
    finally:
        bench.close()


def _pages(bench: _Databases) -> dict[str, Callable[[], str]]:
    """Names of pages with what gives their address in the database that is open."""
    return {
        "list, page 1": lambda: LIST,
        "list, middle page": lambda: f"{LIST}?p=after-{bench.middle()}",
        "list, last page": lambda: f"{LIST}?p=last",
        "list, by end": lambda: f"{LIST}?o=11",
        "list, by account": lambda: f"{LIST}?o=1",
        "list, one filter": lambda: f"{LIST}?status__exact=revoked",
        "list, expiring": lambda: preset_url("expiring-30"),
        "list, three filters": lambda: f"{LIST}?kind__exact=test&posture=grace&edition__exact=enterprise",
        "list, three of many": lambda: (
            f"{LIST}?kind__exact=commercial&status__exact=active&edition__exact=enterprise"
        ),
        "search, hit": lambda: f"{LIST}?q=summit+robotics",
        "search, miss": lambda: f"{LIST}?q=zzqqxv",
        "search, key": lambda: f"{LIST}?q=key:{'0' * 64}",
        "dashboard, first look": lambda: reverse("admin:index"),
        "accounts, page 1": lambda: ACCOUNTS,
        "accounts, last page": lambda: f"{ACCOUNTS}?p=last",
        "accounts, search": lambda: f"{ACCOUNTS}?q=summit+robotics",
        "accounts, search miss": lambda: f"{ACCOUNTS}?q=zzqqxv",
    }


class _Databases:
    """A small and a large database, one of them open at a time."""

    def __init__(self, **sizes: int) -> None:
        self.own = connection.settings_dict["NAME"]
        self.names = {size: f"{self.own}_{size}" for size in sizes}
        self.sizes = sizes
        self.browsers: dict[str, Client] = {}
        self.tokens: dict[str, str] = {}
        for size, count in sizes.items():
            self._make(size, count)

    def _make(self, size: str, count: int) -> None:
        name = self.names[size]
        connection.close()
        with self._server() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self.own}"')
        with self.opened(size):
            at = clock.now()
            user = user_create(
                email="bench@signet.example", name="Bench", is_superuser=True, actor=office.ACTOR, at=at
            )
            missing = count - License.objects.count()
            if missing > 0:
                print(f"seeding {missing:,} licenses", flush=True)
                demo_seed(licenses=missing, at=at)
            figures_refresh(at=clock.now() + HOUR)  # as beat does each minute: kept for as long as this runs
            _, self.tokens[size] = api_key_create(name="b", role="full-admin", actor=office.ACTOR, at=at)
            self.browsers[size] = self._signed_in(user)

    @contextmanager
    def _server(self) -> Iterator[Any]:
        connection.settings_dict["NAME"] = "postgres"
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()
            connection.settings_dict["NAME"] = self.own

    @contextmanager
    def opened(self, size: str) -> Iterator[None]:
        connection.close()
        connection.settings_dict["NAME"] = self.names[size]
        cache.clear()  # what is kept of the other database
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = self.own

    def close(self) -> None:
        with self._server() as cursor:
            for name in self.names.values():
                cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _signed_in(self, user: User) -> Client:
        browser = Client(HTTP_HOST="localhost")
        browser.force_login(user)
        return browser

    # --- what is measured ---------------------------------------------------------------------------

    def middle(self) -> str:
        """The edge of the page in the middle of the list."""
        middle = License.objects.order_by("-pk").first().pk - License.objects.count() // 2  # type: ignore[union-attr]
        raw = f"[null,{middle},null]"
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")

    def compared(
        self, name: str, call: Callable[[str], Callable[[], object]], target: float | None = SAME
    ) -> Result:
        """Calls a second in the large database against those in the small one."""

        def rate_in(size: str) -> Callable[[], float]:
            def measure() -> float:
                with self.opened(size):
                    return rate(call(size), SECONDS)

            return measure

        result = compare(
            name, rate_in("large"), rate_in("small"), other_name=f"at {self.sizes['small']:,}", unit="/s",
            target=target, rounds=ROUNDS,
        )  # fmt: skip
        milliseconds = 1000 / result.ours
        result.notes["ms"] = round(milliseconds, 1)
        if milliseconds > SLOWEST_MS:
            result.notes["TOO SLOW"] = f"over {SLOWEST_MS} ms"
        return result

    def page(self, name: str, address: Callable[[], str], *, target: float | None = SAME) -> Result:
        """A page of the admin."""

        def call(size: str) -> Callable[[], object]:
            browser, url = self.browsers[size], address()

            def ask() -> None:
                status = browser.get(url).status_code
                assert status == 200, (url, status)

            return ask

        return self.compared(name, call, target)

    def search(self, name: str, term: str) -> Result:
        def call(size: str) -> Callable[[], object]:
            return lambda: self.browsers[size].post(reverse("admin:palette"), {"q": term}).json()["groups"][0]

        return self.compared(f"{name} at {self.sizes['large']:,}", call)

    def api(self) -> Result:
        """The first page of the API's list against one at its very end, both in the large database."""
        client = Client(HTTP_HOST="localhost", headers={"authorization": f"Bearer {self.tokens['large']}"})

        def pages_of(cursor: str) -> Callable[[], float]:
            def ask() -> None:
                answer = client.get(
                    "/api/v1/licenses", {"page_size": 25, **({"cursor": cursor} if cursor else {})}
                )
                assert answer.status_code == 200, answer.content

            def measure() -> float:
                with self.opened("large"):
                    return rate(ask, SECONDS)

            return measure

        with self.opened("large"):
            oldest = License.objects.order_by("pk").first().pk + 100  # type: ignore[union-attr]
        late = base64.b64encode(f"p={oldest}".encode()).decode()
        return compare(
            f"API list, late page at {self.sizes['large']:,}", pages_of(late), pages_of(""),
            other_name="first page", unit="/s", target=1 / 1.2, rounds=ROUNDS,
        )  # fmt: skip

    def export(self) -> Iterator[Result]:
        """The whole list as a file, in rows a second, against the ORM's own way and against COPY alone."""
        with self.opened("large"):
            paths = [column.expression for column in EXPORTED]
            rows = License.objects.order_by("-pk")
            count = rows.count()

            def orm() -> float:
                started = time.perf_counter()
                read = sum(1 for _ in rows.values_list(*paths).iterator())
                return read / (time.perf_counter() - started)

            notes: dict[str, float | str] = {}
            yield compare(
                f"CSV of {count:,}", lambda: self._download(count, notes), orm, other_name="values_list().iterator()",
                unit="rows/s", target=0.8, rounds=3,
            )  # fmt: skip
            result = compare(
                f"CSV of {count:,}, COPY", lambda: self._download(count, notes), lambda: _copy(count),
                other_name="COPY of the bare columns", unit="rows/s", target=None, rounds=3,
            )  # fmt: skip
            result.notes |= notes
            yield result

    def _download(self, count: int, notes: dict[str, float | str]) -> float:
        """Rows a second of the file as the server gives it out; notes get its first byte and its memory."""
        browser, before = self.browsers["large"], pss_mb(os.getpid())
        with _watching_memory() as peak:
            started = time.perf_counter()
            pieces = iter(browser.get(reverse("admin:licenses_license_export")).streaming_content)
            next(pieces)  # the head
            lines = next(pieces).count(b"\n")
            first = time.perf_counter() - started
            lines += sum(piece.count(b"\n") for piece in pieces)
            seconds = time.perf_counter() - started
        assert lines >= count, lines
        grown = max(peak, default=before) - before
        notes |= {"first byte ms": round(first * 1000), "MB more": round(grown, 1)}
        if first * 1000 > FIRST_MS or grown > MOST_MB:
            notes["TOO MUCH"] = f"over {FIRST_MS} ms or {MOST_MB} MB"
        return count / seconds


@contextmanager
def _watching_memory() -> Iterator[list[float]]:
    """The memory of this process, looked at now and then from a thread of its own."""
    peak: list[float] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            peak.append(pss_mb(os.getpid()))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def _copy(count: int) -> float:
    """Rows a second of COPY of the same tables' columns, written by the database and thrown away here."""
    sql = (
        "SELECT l.uid, a.name, a.slug, a.customer_id, p.name, p.product_key, t.name, l.plan_code, l.kind, l.internal,"
        " l.edition, l.quantity, l.seats, l.nodes, l.machines, l.collectors, l.created_by, l.created_at, l.starts_at,"
        " l.expires_at, l.status, l.posture, l.origin, l.crm_ref, l.comment FROM licenses_license l"
        " JOIN accounts_account a ON a.id = l.account_id JOIN licenses_product p ON p.id = l.product_id"
        " JOIN licenses_plan t ON t.id = l.plan_id"
    )
    started = time.perf_counter()
    with connection.cursor() as cursor, cursor.copy(f"COPY ({sql}) TO STDOUT WITH (FORMAT csv)") as copy:
        read = sum(1 for _ in copy)
    assert read == count
    return read / (time.perf_counter() - started)
