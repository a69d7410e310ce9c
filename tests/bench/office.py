"""The database of the benchmark: made anew, one product, keys, an account and as many licenses as asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.core.management import call_command
from django.db import connection

from accounts.models import Account
from config.kit import clock
from config.kit.ids import uuid7
from licenses.domain.enums import Algorithm
from licenses.models import License, Plan, Product, SigningKey
from licenses.postures import place_posture
from licenses.services.catalogue import plan_create, product_create
from licenses.services.keys import key_activate, key_generate
from licenses.terms import terms_from_plan

ACTOR = "cli:bench"


def open_office() -> None:
    """Migrate, and make keys, catalogue and account."""
    call_command("migrate", verbosity=0)
    at = clock.now()
    for algorithm in Algorithm:
        key_activate(key=key_generate(algorithm=algorithm, actor=ACTOR, at=at), actor=ACTOR, at=at)
    product = product_create(product_key="demo", name="Demo", actor=ACTOR, at=at)
    fields = {"kind": "trial", "duration_days": 30, "seats": 10, "nodes": 1, "grace_days": 3}
    plan_create(product=product, slug="trial", name="Trial", actor=ACTOR, at=at, **fields)
    Account.objects.create(slug="acme", name="Acme")


# --- databases of a workload's own, because what others left would count in its figures ------------------


_opened: list[str] = []
"""The name of the benchmark's database, once the office in it was opened."""


def keep_empty() -> None:
    """Keep the office as it was opened; `own_database` begins there."""
    _opened[:] = [str(connection.settings_dict["NAME"])]
    _copy(_opened[0], _empty())


def forget_empty() -> None:
    _drop(_empty())


def _empty() -> str:
    return f"{_opened[0]}_empty"


@contextmanager
def own_database(suffix: str) -> Iterator[str]:
    """Work in an office that was just opened; gives its address. It is dropped at the end."""
    own, url = str(connection.settings_dict["NAME"]), os.environ["SIGNET_DATABASE_URL"]
    name = f"{_opened[0]}_{suffix}"
    address = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    _copy(_empty(), name)
    try:
        connection.settings_dict["NAME"], os.environ["SIGNET_DATABASE_URL"] = name, address
        yield address
    finally:
        connection.close()
        connection.settings_dict["NAME"], os.environ["SIGNET_DATABASE_URL"] = own, url
        _drop(name)


def _copy(source: str, name: str) -> None:
    _drop(name)
    with _postgres() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')


def _drop(name: str) -> None:
    with _postgres() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def _postgres() -> Iterator[Any]:
    """A cursor beside the database that is open, which is closed for it."""
    own = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = "postgres"
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()
        connection.settings_dict["NAME"] = own


# --- rows -------------------------------------------------------------------------------------------------


def licenses_make(count: int, at: datetime) -> list[License]:
    """Insert license rows in bulk; they have no issuance yet."""
    account, plan = Account.objects.get(slug="acme"), Plan.objects.select_related("product").get(slug="trial")
    values = terms_from_plan(plan, {}, kind=None, at=at)
    rows = [
        License(
            uid=uuid7(), account=account, product=plan.product, plan=plan, plan_code=plan.slug, origin="cli",
            created_by=ACTOR, **values,
        )
        for _ in range(count)
    ]  # fmt: skip
    for row in rows:
        place_posture(row, at)
    return License.objects.bulk_create(rows, batch_size=1000)


def signing_key(algorithm: Algorithm) -> SigningKey:
    return SigningKey.objects.get(state="active", algorithm=algorithm)


def product_uses(algorithm: Algorithm) -> None:
    Product.objects.filter(product_key="demo").update(algorithm=algorithm)


def analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
