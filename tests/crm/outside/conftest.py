"""An outside CRM on this machine, a connection to it, and a clock that waiting moves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from accounts.models import Account
from config.kit.clock import FrozenClock
from crm.domain.words import TaskStatus
from crm.models import Connection, CrmLink, Person, Section, SyncJob, Task
from crm.services.sync_budget import Pace
from crm.services.sync_connections import connection_create, connection_detect, connection_switch
from crm.services.sync_running import connection_sync
from tests.conftest import AT
from tests.crm.fakes.hubspot import FakeHubSpot
from tests.crm.fakes.server import TOKEN
from tests.crm.fakes.twenty import FakeTwenty

ACTOR = "system:test"
SECRET = "secret-of-the-webhook"


@dataclass
class Outside:
    """A fake, the connection to it, and what a worker would do about it."""

    fake: FakeTwenty | FakeHubSpot
    row: Connection
    clock: FrozenClock

    @property
    def pace(self) -> Pace:
        return Pace(clock=lambda: self.clock.at, patience=timedelta(hours=1), sleep=self.wait)

    def wait(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    def sync(self, *, later: timedelta = timedelta(minutes=5)) -> list[str]:
        """What a worker does a little later, until nothing is due; the requests that it made."""
        self.clock.advance(later)
        before = len(self.fake.asked)
        while connection_sync(connection_id=self.row.pk, pace=self.pace):
            pass
        self.row.refresh_from_db()
        return [one.line for one in self.fake.asked[before:]]

    def writes(self, lines: list[str]) -> list[str]:
        """Of requests, those that change something."""
        return [
            line
            for line in lines
            if not line.startswith("GET") and "/read" not in line and "search" not in line
        ]

    def link(self, row: Person | Task | Account) -> CrmLink:
        kind = {Person: "person", Task: "task", Account: "company"}[type(row)]
        return CrmLink.objects.get(connection=self.row, kind=kind, object_id=row.pk)

    @property
    def jobs(self) -> list[SyncJob]:
        return list(SyncJob.objects.filter(connection=self.row).order_by("id"))


@pytest.fixture
def outside(db, settings):
    """Make a connection to a fake: `outside("twenty")`. It is mapped and on."""
    settings.WEBHOOK_ALLOW_INSECURE = True
    made = []

    def make(kind, *, enabled=True):
        fake = {"twenty": FakeTwenty, "hubspot": FakeHubSpot}[kind]()
        made.append(fake)
        clock = FrozenClock(AT)
        row = connection_create(
            kind=kind, name="Sales", base_url=fake.base, token=TOKEN, secret=SECRET, actor=ACTOR, at=AT
        )
        found = Outside(fake, row, clock)
        if enabled:
            connection_detect(connection=row, actor=ACTOR, pace=found.pace)
            connection_switch(connection=row, enabled=True, actor=ACTOR, at=clock.at)
            row.refresh_from_db()
            fake.asked.clear()
        return found

    yield make
    for fake in made:
        fake.close()


@pytest.fixture
def twenty(outside):
    return outside("twenty")


@pytest.fixture
def hubspot(outside):
    return outside("hubspot")


@pytest.fixture(params=["twenty", "hubspot"])
def either(request, outside):
    """Each of the two."""
    return outside(request.param)


@pytest.fixture
def shown(db, own_license_grants):
    """The CRM section is switched on, and our own license carries it."""
    own_license_grants("crm")
    Section.objects.update_or_create(pk=Section.ONLY, defaults={"active": True})


def person(number=1, *, at=AT, **values):
    given = {
        "name": f"Ada Lovelace{number}",
        "email": f"ada{number}@acme.example",
        "changed_at": at,
        **values,
    }
    return Person.objects.create(**given)


def company(**values):
    return Account.objects.create(**{"slug": "acme", "name": "Acme", "domain": "acme.example", **values})


def task(who, *, at=AT, **values):
    given = {"title": "Call them", "text": "They are stuck.", "person": who, "account": who.account,
             "status": TaskStatus.OPEN, "created_by": ACTOR, "changed_at": at, **values}  # fmt: skip
    return Task.objects.create(**given)


def change(row, at, **values):
    """What a service does to a row: the values and the instant of the change."""
    type(row).objects.filter(pk=row.pk).update(**values, changed_at=at)
    row.refresh_from_db()


def meanwhile(outside, deed, *, on):
    """The pace of a worker in whose way something comes: `deed`, once it has asked for what has `on` in it."""
    deeds, before = [deed], len(outside.fake.asked)

    def clock():
        if deeds and any(on in one.line for one in outside.fake.asked[before:]):
            deeds.pop()()
        return outside.clock.at

    return Pace(clock=clock, patience=timedelta(hours=1), sleep=outside.wait)
