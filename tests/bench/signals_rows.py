"""Rows for the signals: licenses with their texts, and installations by the million, made in the database."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from licenses.models import Activation, Installation, InstallationDay, License
from licenses.services.bulk import licenses_issue
from tests.bench import office, signals_floor

VERSION, SYSTEM, NODES = "2.4.1", "Linux 6.1", 1
AN_INSTALLATION = {"version": VERSION, "os": SYSTEM, "nodes": NODES}


@dataclass(frozen=True, slots=True)
class Deployment:
    """A license that was issued, its text and the place of its installation in the list."""

    license_pk: int
    text: str
    install_id: str

    @property
    def beat(self) -> str:
        return json.dumps({"install_id": self.install_id, **AN_INSTALLATION})


def deployments_make(count: int, at: datetime, **terms: Any) -> list[Deployment]:
    """Issue so many licenses; their installations are the `<pk>-0` of `installations_make`."""
    first = office.licenses_make(count, at)[0].pk
    rows = License.objects.filter(pk__gte=first)
    if terms:
        rows.update(**terms)
    texts: dict[str, str] = {}
    for batch in licenses_issue(licenses=rows, channel="bulk", actor=office.ACTOR, at=at):
        texts |= {signed.license_id: signed.text for signed in batch.issued}
    return [Deployment(row.pk, texts[row.public_id], install_id(row.pk, 0)) for row in rows.order_by("pk")]


def install_id(license_pk: int, number: int) -> str:
    return f"bench-{license_pk}-{number}"


def licenses_copied(count: int) -> None:
    """Have at least so many licenses: copies of the newest one, without issuances."""
    missing = count - License.objects.count()
    if missing <= 0:
        return
    columns = [field.column for field in License._meta.concrete_fields if field.column != "id"]
    values = ", ".join("gen_random_uuid()" if column == "uid" else f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO licenses_license ({', '.join(columns)}) SELECT {values}"
            " FROM licenses_license, generate_series(1, %s)"
            " WHERE id = (SELECT max(id) FROM licenses_license)",
            [missing],
        )


def installations_make(count: int, at: datetime, *, each: int = 10) -> None:
    """Have at least so many installations, `each` of a license, seen a day ago for the first time.

    Every license has at least the installation 0. The floor's table gets as many rows.
    """
    licenses_copied(-(-count // each))
    table, license_table = Installation._meta.db_table, License._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (license_id, install_id, version, operating_system, nodes, beats, first_seen_at,"
            " last_seen_at, seen_on) SELECT l.id, 'bench-' || l.id || '-' || n, %s, %s, %s, 0,"
            " %s - interval '1 day', %s - interval '1 day', %s::date - 1"
            f" FROM {license_table} l, generate_series(0, %s) n"
            f" WHERE n = 0 OR l.id IN (SELECT id FROM {license_table} ORDER BY id LIMIT %s)"
            " ON CONFLICT DO NOTHING",
            [VERSION, SYSTEM, NODES, at, at, at.date(), each - 1, -(-count // each)],
        )
        cursor.execute(signals_floor.TABLE)
        cursor.execute(
            "INSERT INTO floor_seen SELECT n, now(), 0 FROM generate_series(1, %s) n ON CONFLICT DO NOTHING",
            [count],
        )
    _settle(table, "floor_seen")


def days_make(days: int, at: datetime, *, most: int) -> int:
    """Give the first `most` installations a day of beats for each of so many days before; return how many rows."""
    table = InstallationDay._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (installation_id, day, beats, nodes_max, version)"
            f" SELECT i.id, %s::date - d, 24, %s, %s FROM generate_series(1, %s) d,"
            f" (SELECT id FROM {Installation._meta.db_table} ORDER BY id LIMIT %s) i ON CONFLICT DO NOTHING",
            [at.date(), NODES, VERSION, days, most],
        )
        made = int(cursor.rowcount)
    _settle(table)
    return made


def machines_make(first: int, licenses: int, each: int, at: datetime) -> None:
    """Give so many licenses from the primary key `first` on `each` machines that hold a place."""
    table = Activation._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (license_id, kind, identifier, label, created_at, last_seen_at, binds, offline,"
            " released_by) SELECT %s + l, 'machine', encode(sha256((l || '-' || n)::bytea), 'hex'), '', %s, %s,"
            " false, false, '' FROM generate_series(0, %s) l, generate_series(1, %s) n",
            [first, at, at, licenses - 1, each],
        )
    _settle(table)


def _settle(*tables: str) -> None:
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"VACUUM ANALYZE {table}")
