"""The sync to an outside CRM, against a workspace of Twenty and an account of HubSpot on this machine.

What limits it in life is the rate budget, so the first lines say how much of it is used: waiting is done by a
clock that jumps. The others say what is left to us: how fast a first load goes out beside the bare requests
that it makes, and how fast a repeat finds that nothing changed beside reading the rows.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from django.conf import settings

from config.kit.clock import FrozenClock, now
from crm.domain.sync.retrying import BURST_PART
from crm.models import Connection, CrmLink, Person, SyncJob
from crm.services.sync_budget import Pace
from crm.services.sync_connections import connection_create, connection_detect, connection_switch
from crm.services.sync_queueing import changes_collect
from crm.services.sync_running import connection_sync
from tests.bench import office
from tests.bench.harness import Result, compare
from tests.crm.fakes.hubspot import FakeHubSpot
from tests.crm.fakes.server import TOKEN, FakeCrm
from tests.crm.fakes.twenty import FakeTwenty

PEOPLE = 600
CHANGED = {"twenty": 200, "hubspot": int(os.environ.get("SIGNET_TEST_BENCH_CHANGED") or 20_000)}
"""How many change for the share of the budget: so many that their requests are several times its burst. Twenty
takes changes one by one, HubSpot a hundred in a request.
"""
ROUNDS = 3
ACTOR = "cli:bench"
ENOUGH = 1_000_000
"""A budget that is not in the way."""


def workloads() -> Iterator[Result]:
    before, settings.WEBHOOK_ALLOW_INSECURE = settings.WEBHOOK_ALLOW_INSECURE, True
    try:
        with office.own_database("crm_sync"):
            for kind, make in (("twenty", FakeTwenty), ("hubspot", FakeHubSpot)):
                with closing(make()) as fake:
                    yield from _of(kind, fake)
    finally:
        settings.WEBHOOK_ALLOW_INSECURE = before


def _people(number: int) -> None:
    at = now()
    Person.objects.all().delete()
    Person.objects.bulk_create(
        Person(
            name=f"Ada Lovelace{n}", email=f"ada{n}@acme.example", engagement="active", nodes=n, changed_at=at
        )
        for n in range(number)
    )


def _of(kind: str, fake: FakeCrm) -> Iterator[Result]:
    clock = FrozenClock(now() + timedelta(hours=1))
    _people(max(PEOPLE, CHANGED[kind]))
    row = _connected(kind, fake, clock)
    yield _within_budget(kind, fake, row, clock)
    _people(PEOPLE)
    Connection.objects.filter(pk=row.pk).update(budget_requests=ENOUGH, budget_seconds=1)
    yield compare(
        f"sync to {kind}, first load", lambda: _load(fake, row, clock), lambda: _bare(fake),
        other_name="bare batches", unit="records/s", rounds=ROUNDS, people=PEOPLE,
    )  # fmt: skip
    yield compare(
        f"sync to {kind}, nothing changed", lambda: _clean(row, clock), _read,
        other_name="reading the people", unit="people/s", rounds=ROUNDS,
    )  # fmt: skip
    row.delete()


def _connected(kind: str, fake: FakeCrm, clock: FrozenClock) -> Connection:
    row = connection_create(kind=kind, name=kind, base_url=fake.base, token=TOKEN, actor=ACTOR, at=clock.at)
    connection_detect(connection=row, actor=ACTOR, pace=_pace(clock))
    return connection_switch(connection=row, enabled=True, actor=ACTOR, at=clock.at)


def _pace(clock: FrozenClock) -> Pace:
    def sleep(seconds: float) -> None:
        clock.advance(timedelta(seconds=seconds))

    return Pace(clock=lambda: clock.at, patience=timedelta(hours=1), sleep=sleep)


def _sync(row: Connection, clock: FrozenClock) -> None:
    clock.advance(timedelta(minutes=5))
    while connection_sync(connection_id=row.pk, pace=_pace(clock)):
        pass


def _within_budget(kind: str, fake: FakeCrm, row: Connection, clock: FrozenClock) -> Result:
    """Requests made in the time that the CRM's own limit would allow so many in; records a minute beside it."""
    changed = CHANGED[kind]
    _sync(row, clock)
    Person.objects.filter(pk__in=Person.objects.order_by("pk").values("pk")[:changed]).update(
        engagement="dormant", changed_at=clock.at
    )
    asked, began = len(fake.asked), clock.at + timedelta(minutes=5)
    _sync(row, clock)
    made, burst = len(fake.asked) - asked, max(1, row.budget_requests // BURST_PART)
    if made <= burst:
        raise ValueError(f"{made} requests are no more than the burst of {burst}: change more records.")
    # what the bucket held at first was waited for before
    seconds = max((clock.at - began).total_seconds(), 1)
    used, allowed = (made - burst) / seconds, row.budget_requests / row.budget_seconds
    ratio = used / allowed
    return Result(
        name=f"sync to {kind}, share of the budget used", ours=used, other=allowed, other_name="requests allowed",
        unit="requests/s", ratio=ratio, low=ratio, high=ratio, target=0.8,
        notes={"changed": changed, "requests": made, "records_a_minute": round(changed / seconds * 60)},
    )  # fmt: skip


def _load(fake: FakeCrm, row: Connection, clock: FrozenClock) -> float:
    """Records a second of a first load into an empty CRM."""
    CrmLink.objects.filter(connection=row).delete()
    SyncJob.objects.filter(connection=row).delete()
    Connection.objects.filter(pk=row.pk).update(cursor={})
    fake.empty()
    fake.asked.clear()
    began = time.perf_counter()
    _sync(row, clock)
    return PEOPLE / (time.perf_counter() - began)


def _bare(fake: FakeCrm) -> float:
    """The very requests of the last load once more, with nothing of ours around them."""
    asked = list(fake.asked)
    fake.empty()
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    began = time.perf_counter()
    for one in asked:
        url = f"{fake.base}{one.path}?{urlencode(one.query)}"
        body = None if one.document is None else json.dumps(one.document).encode()
        with urlopen(Request(url, body, headers, method=one.method), timeout=30) as answer:
            json.load(answer)
    fake.asked[:] = asked
    return PEOPLE / (time.perf_counter() - began)


def _clean(row: Connection, clock: FrozenClock) -> float:
    """People a second that are found to be as they were sent."""
    Connection.objects.filter(pk=row.pk).update(cursor={})
    began = time.perf_counter()
    changes_collect(connection_id=row.pk, at=clock.at)
    return PEOPLE / (time.perf_counter() - began)


def _read() -> float:
    began = time.perf_counter()
    list(Person.objects.select_related("account").all())
    return PEOPLE / (time.perf_counter() - began)
