"""A license office as it looks after years: accounts, licenses and installations by the thousand, made up.

Seeded rows are written past the services: a million signatures and events would take an hour and would swell
the history, which nobody can thin out again. So their licenses carry the origin `demo`, have no issuance (their
keys cannot be copied before one is issued) and no event. Products and plans are made by their services, once.
Everything else about a row is as the services would leave it, its stored posture included.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Max

from accounts.models import Account, User
from config.demo_rows import Office, account_rows, installation_values, license_rows
from config.kit.statements import insert_many
from licenses.domain.enums import Edition, Kind
from licenses.models import Installation, License, Plan, Product
from licenses.services.catalogue import plan_create, product_create

T = TypeVar("T")
ACTOR = "system:demo"
BATCH = 5_000
LICENSES_AN_ACCOUNT = 10
MOST_ACCOUNTS = 100_000
INSTALLED_SHARE = 0.55
PRODUCTS = (
    ("demo-analytics", "Demo Analytics"),
    ("demo-vault", "Demo Vault"),
    ("demo-edge", "Demo Edge Gateway"),
)
PLANS: tuple[dict[str, Any], ...] = (
    {"slug": "enterprise", "name": "Enterprise", "seats": 50, "nodes": 10, "tier_rank": 100},
    {"slug": "trial", "name": "Trial", "kind": Kind.TRIAL, "duration_days": 30, "seats": 10, "nodes": 1,
     "grace_days": 3},
    {"slug": "community", "name": "Community", "edition": Edition.COMMUNITY, "duration_days": 0, "tier_rank": 0},
    {"slug": "enterprise-plus", "name": "Enterprise Plus", "duration_days": 1095, "tier_rank": 200},
)  # fmt: skip
VACUUMED = ("accounts_account", "licenses_license", "licenses_installation")


@dataclass(frozen=True, slots=True)
class Seeded:
    """How many rows were made."""

    accounts: int
    licenses: int
    installations: int


def demo_seed(
    *,
    licenses: int,
    accounts: int | None = None,
    at: datetime,
    seed: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Seeded:
    """Make that many licenses under that many new accounts (one for every ten licenses unless given).

    Each batch is a transaction of its own: what was made before an interruption stays. `progress` is told
    how many licenses there are. The same seed draws the same rows.
    """
    dice = random.Random(seed)
    wanted = max(1, min(MOST_ACCOUNTS, licenses // LICENSES_AN_ACCOUNT)) if accounts is None else accounts
    creators = list(User.objects.order_by("pk").values_list("pk", flat=True))
    office = Office(_accounts(wanted, at, dice), _plans(at), creators, at, dice)
    done = installed = 0
    for batch in _batches(license_rows(licenses, office)):
        before = License.objects.aggregate(Max("pk"))["pk__max"] or 0
        insert_many(batch)
        installed += _install(before, at, dice)
        done += len(batch)
        if progress is not None:
            progress(done)
    _settle_tables()
    return Seeded(wanted, done, installed)


def _accounts(count: int, at: datetime, dice: random.Random) -> list[int]:
    newest = Account.objects.aggregate(Max("pk"))["pk__max"] or 0
    for batch in _batches(account_rows(count, start=newest + 1, at=at, dice=dice)):
        insert_many(batch)
    return list(Account.objects.filter(pk__gt=newest).order_by("pk").values_list("pk", flat=True))


def _plans(at: datetime) -> list[Plan]:
    """The plans of the demo's products; what is not there is made."""
    for key, name in PRODUCTS:
        if not Product.objects.filter(product_key=key).exists():
            product = product_create(product_key=key, name=name, actor=ACTOR, at=at)
            for fields in PLANS:
                plan_create(product=product, actor=ACTOR, at=at, **fields)
    keys = [key for key, _ in PRODUCTS]
    return list(Plan.objects.filter(product__product_key__in=keys).order_by("pk"))


def _install(after: int, at: datetime, dice: random.Random) -> int:
    """Some of the licenses made last report from one installation."""
    made = License.objects.filter(pk__gt=after, origin=License.Origin.DEMO).order_by("pk")
    rows = [
        Installation(**installation_values(pk, created, at, dice))
        for pk, created in made.values_list("pk", "created_at")
        if dice.random() < INSTALLED_SHARE
    ]
    insert_many(rows)
    return len(rows)


def _settle_tables() -> None:
    """Let the planner know what is there now, rather than when it next looks."""
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            for table in VACUUMED:
                cursor.execute(f"VACUUM (ANALYZE) {connection.ops.quote_name(table)}")


def _batches(rows: Iterable[T]) -> Iterator[list[T]]:
    found = iter(rows)
    while batch := list(islice(found, BATCH)):
        yield batch
