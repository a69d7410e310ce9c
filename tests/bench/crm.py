"""The CRM: events read a second, and its pages with a thousand people and with a hundred thousand.

Two databases of the same making, asked in turn by the same process. With the people grow their licenses, what
happened to both, notes, tasks, mail to them, and what the sync has queued and disputed. SIGNET_TEST_BENCH_PEOPLE
makes the large one smaller.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from accounts.services.users import user_create
from config.kit import clock
from crm.models import Connection, Task
from history.models import Event, Reader
from history.services import NewEvent, reader_register, reader_run, record_many, sequence
from licenses.models import License
from tests.bench import office
from tests.bench.harness import Result, compare, rate

SMALL, LARGE = 1_000, 100_000
EVENTS = 500
SLOWEST_MS = 300
SAME = 1 / 1.5
"""A page at a hundred thousand people takes at most half as long again as at a thousand."""
PEOPLE, TASKS = "/admin/crm/person/", "/admin/crm/task/"
PAGES = {
    "people, page 1": PEOPLE,
    "people, last page": f"{PEOPLE}?p=last",
    "people, by name": f"{PEOPLE}?o=1",
    "people, one filter": f"{PEOPLE}?engagement=dormant",
    "people, search": f"{PEOPLE}?q=person+77",
    "people, search miss": f"{PEOPLE}?q=zzqqxv",
    "a person": f"{PEOPLE}500/change/",
    "an account's tab": "{account}?tab=crm",
    "sync queue": "/admin/crm/syncjob/",
    "conflicts": "/admin/crm/syncconflict/",
    "tasks, page 1": TASKS,
    "tasks, overdue": f"{TASKS}?due=overdue",
    "task board": f"{TASKS}board/",
    "renewals": f"{TASKS}renewals/",
}


def workloads() -> Iterator[Result]:
    _switch_on()
    with office.own_database("crm_reader"):
        yield _reading()
    large = int(os.environ.get("SIGNET_TEST_BENCH_PEOPLE") or LARGE)
    with ExitStack() as stack:
        browsers = {}
        for size in (SMALL, large):
            stack.enter_context(office.own_database(f"crm_{size}"))
            name = str(connection.settings_dict["NAME"])
            browsers[size] = (name, _people(size))
        account = f"/admin/accounts/account/{Account.objects.get(slug='acme').pk}/change/"
        for name, route in PAGES.items():
            address = route.replace("{account}", account)
            yield _page(f"{name}, {large:,} people", address, browsers[large], browsers[SMALL])


def _switch_on() -> None:
    """As if our own license carried the CRM."""
    from licenses.domain.own_license import GuardState, Standing
    from licenses.gates import standing_register

    standing_register(lambda _at: Standing(GuardState.VALID, "", granted={"crm": True}))


# --- the reader -----------------------------------------------------------------------------------


def _reading() -> Result:
    """Events that make a task each, against moving the cursor past each of them: what nobody can do without."""
    at = clock.now()
    rows = office.licenses_make(EVENTS, at)
    License.objects.filter(pk__in=[row.pk for row in rows]).update(kind="commercial")
    with transaction.atomic():
        record_many(
            NewEvent(
                kind="posture.changed", subject=f"license:{row.public_id}", actor=office.ACTOR, at=at,
                data={"from": "valid", "to": "warning"},
            )
            for row in rows
        )  # fmt: skip
    sequence(at=at, limit=10**9)
    reader_register("bench", lambda _event, *, at: None)
    return compare(
        "history into tasks", lambda: _read("crm"), lambda: _read("bench"),
        other_name="moving past each", unit="events/s", rounds=3,
    )  # fmt: skip


def _read(name: str) -> float:
    """The reader over all events, into empty tables."""
    Task.objects.all().delete()
    at = clock.now()
    Reader.objects.update_or_create(name=name, defaults={"position": 0, "moved_at": at})
    started = time.perf_counter()
    reader_run(name, at=at, limit=10**9)
    if (made := Task.objects.count()) != (EVENTS if name == "crm" else 0):
        raise ValueError(f"{made} tasks were made of {EVENTS} events.")
    return Event.objects.filter(kind="posture.changed").count() / (time.perf_counter() - started)


# --- pages ----------------------------------------------------------------------------------------


def _people(size: int) -> Client:
    """So many people, each with a task, in the database that is open; and somebody who may see them."""
    from crm.services.section import section_activate

    print(f"seeding {size:,} people", flush=True)
    at = clock.now()
    section_activate(actor=office.ACTOR, at=at)
    user = user_create(email="crm@signet.example", name="Bench", is_superuser=True, actor=office.ACTOR, at=at)
    office.licenses_make(size, at)
    row = Connection.objects.create(
        kind="twenty", name="Bench", base_url="https://crm.example", token_sealed=b"", budget_requests=1,
        budget_seconds=1, created_by=office.ACTOR,
    )  # fmt: skip
    given = {"size": size, "author": user.pk, "connection": row.pk}
    with connection.cursor() as cursor:
        for statement in (_PEOPLE, _ADDRESSES, _TASKS, _LICENSES, _EVENTS, _NOTES, _MAIL, _JOBS, _CONFLICTS):
            cursor.execute(statement, given)
    office.analyze()
    browser = Client()
    browser.force_login(user)
    return browser


_PEOPLE = """
INSERT INTO crm_person (uid, name, email, company, job_title, phone, consent, origin, first_source, first_medium,
    first_campaign, last_source, last_medium, last_campaign, engagement, last_seen_at, version, operating_system,
    cap_state, created_at, changed_at, account_id)
SELECT gen_random_uuid(), 'Person ' || n, 'p' || n || '@bench.example', 'Company ' || n %% 1000, '', '', 'unknown',
    'trial', 'source-' || n %% 20, '', '', '', '', '',
    (ARRAY['active', 'stuck', 'dormant', 'converted', 'expired'])[1 + n %% 5], now() - n * interval '1 minute',
    '4.2.0', 'Linux', 'within', now(), now(),
    CASE WHEN n %% 100 = 0 THEN (SELECT id FROM accounts_account WHERE slug = 'acme') END
FROM generate_series(1, %(size)s) n
"""
_ADDRESSES = """
INSERT INTO crm_personemail (person_id, address, email, created_at)
SELECT id, email, email, now() FROM crm_person
"""
_TASKS = """
INSERT INTO crm_task (uid, kind, title, text, next_action, status, due_on, person_id, subject_type, subject_id,
    created_by, created_at, changed_at, ended_by, ended_at)
SELECT gen_random_uuid(), 'stuck', 'Company ' || id %% 1000 || ': never installed', '', '',
    CASE WHEN id %% 10 = 0 THEN 'open' ELSE 'done' END, current_date + (id %% 30)::int - 15, id, 'person', uid::text,
    'system:crm', now(), now(), '', CASE WHEN id %% 10 = 0 THEN NULL ELSE now() END
FROM crm_person
"""
_LICENSES = """
INSERT INTO crm_personlicense (person_id, license_id, created_at)
SELECT p.id, l.id, now() FROM (SELECT id, row_number() OVER (ORDER BY id) n FROM crm_person) p
JOIN (SELECT id, row_number() OVER (ORDER BY id) n FROM licenses_license) l USING (n)
"""
_EVENTS = """
INSERT INTO history_event (uid, kind, subject, account, actor, data, at)
SELECT gen_random_uuid(), 'person.changed', 'person:' || p.uid, coalesce(a.customer_id, ''), 'cli:bench',
    '{"fields": ["phone"]}', now() - n * interval '1 hour'
FROM crm_person p LEFT JOIN accounts_account a ON a.id = p.account_id, generate_series(1, 5) n
"""
_NOTES = """
INSERT INTO crm_personnote (uid, person_id, author_id, text, created_at)
SELECT gen_random_uuid(), id, %(author)s, 'Met at the fair', now() FROM crm_person
"""
_MAIL = """
INSERT INTO notifications_message (uid, template, stream, dedupe_key, recipient, sender, subject, parts, account_id,
    state, attempts, provider, provider_id, error, created_by, created_at)
SELECT gen_random_uuid(), 'trial_welcome', 'transactional', 'bench:' || id, email, '', 'Welcome', '', account_id,
    'sent', 1, '', '', '', 'cli:bench', now() FROM crm_person
"""
_JOBS = """
INSERT INTO crm_syncjob (connection_id, kind, object_id, state, attempts, tried, due_at, failure, message, refused,
    created_at)
SELECT %(connection)s, 'person', id, CASE WHEN id %% 10 = 0 THEN 'failed' ELSE 'waiting' END, 0, false, now(), '', '',
    '', now() FROM crm_person
"""
_CONFLICTS = """
INSERT INTO crm_syncconflict (connection_id, kind, object_id, field, ours, theirs, at, resolution, resolved_by)
SELECT %(connection)s, 'person', id, 'phone', '1', '2', now(), '', '' FROM crm_person WHERE id %% 10 = 0
"""


def _page(name: str, address: str, large: tuple[str, Client], small: tuple[str, Client]) -> Result:
    _open(large[0])
    with CaptureQueriesContext(connection) as queries:
        answer = large[1].get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    found = compare(
        name, _pages(*large, address), _pages(*small, address), other_name=f"at {SMALL:,}", unit="pages/s",
        target=SAME, rounds=3, queries=float(len(queries)),
    )  # fmt: skip
    found.notes["ms"] = round(1000 / found.ours, 1)
    if found.notes["ms"] > SLOWEST_MS:
        found.notes["TOO SLOW"] = f"over {SLOWEST_MS} ms"
    return found


def _pages(database: str, browser: Client, address: str) -> Callable[[], float]:
    def measure() -> float:
        _open(database)
        return rate(lambda: browser.get(address), 1.0)

    return measure


def _open(database: str) -> None:
    if connection.settings_dict["NAME"] != database:
        connection.close()
        connection.settings_dict["NAME"] = database
        cache.clear()
