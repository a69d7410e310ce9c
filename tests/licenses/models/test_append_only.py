"""Issuances and renewals cannot be changed or removed, whoever asks the database."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from history.triggers import unprotected
from licenses.models import Issuance, Renewal
from licenses.services.renewing import license_renew

COLUMNS = {
    "text_sha256": "0" * 64, "claims": {}, "format": "lic1", "actor": "cli:other", "channel": "api",
    "cause": "renew", "expires_at": None, "supersedes": None,
}  # fmt: skip


def refused() -> pytest.RaisesExc[DatabaseError]:
    return pytest.raises(DatabaseError, match="append-only")


@pytest.fixture
def entry(granted, make_license, issue) -> Issuance:
    """The second issuance of a license."""
    return issue(granted.license).issuance


@pytest.mark.parametrize("column", COLUMNS)
def test_no_column_of_an_issuance_changes(entry, column):
    """A2: UPDATE is refused by the database."""
    with refused(), transaction.atomic():
        Issuance.objects.filter(pk=entry.pk).update(**{column: COLUMNS[column]})


def test_no_issuance_is_deleted(entry):
    """A2: DELETE is refused by the database."""
    with refused(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM licenses_issuance WHERE id = %s", [entry.pk])


def test_only_the_kept_text_may_go(entry):
    """A2, E34: the artifact may be dropped; the record of it stays."""
    Issuance.objects.filter(pk=entry.pk).update(artifact=None)
    stored = Issuance.objects.get(pk=entry.pk)
    assert (stored.artifact, stored.text_sha256) == (None, entry.text_sha256)


def test_the_text_cannot_be_changed_together_with_something_else(entry):
    with refused(), transaction.atomic():
        Issuance.objects.filter(pk=entry.pk).update(artifact=None, actor="cli:other")


def test_renewals_stay_as_they_were_written(granted, at):
    """A26."""
    license_renew(license=granted.license, days=30, channel="cli", actor="cli:test", at=at)
    with refused(), transaction.atomic():
        Renewal.objects.update(reason="another")
    with refused(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM licenses_renewal")


@pytest.mark.parametrize("key", ["jti", "text_sha256"])
def test_no_issuance_is_replaced_by_any_key(entry, key):
    """A2: on SQLite inserting over a row would replace it."""
    if connection.vendor != "sqlite":
        pytest.skip("the others call the trigger of deleting")
    other = "text_sha256" if key == "jti" else "jti"
    names = [field.column for field in Issuance._meta.fields if field.column != "id"]
    values = ", ".join({other: f"'0' || substr({other}, 2)", "actor": "'cli:other'"}.get(n, n) for n in names)
    with refused(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT OR REPLACE INTO licenses_issuance ({', '.join(names)})"
            f" SELECT {values} FROM licenses_issuance WHERE id = %s",
            [entry.pk],
        )


def test_no_renewal_is_replaced_by_its_issuance(granted, at):
    """A26."""
    if connection.vendor != "sqlite":
        pytest.skip("the others call the trigger of deleting")
    license_renew(license=granted.license, days=30, channel="cli", actor="cli:test", at=at)
    names = ", ".join(field.column for field in Renewal._meta.fields if field.column != "id")
    with refused(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT OR REPLACE INTO licenses_renewal ({names}) SELECT {names} FROM licenses_renewal"
        )


def test_both_tables_have_every_trigger(db):
    """A2, A26: a later migration that rebuilds a table would lose them."""
    assert unprotected(connection, ["licenses_issuance", "licenses_renewal"]) == []


def test_one_text_is_issued_once(entry):
    """A2: two issuances never share a hash; the table says so."""
    twin = Issuance.objects.defer(None).get(pk=entry.pk)
    twin.pk, twin.jti = None, "0190f7e0-0000-7000-8000-000000000000"
    # SQLite's trigger comes before the constraint
    with pytest.raises(DatabaseError, match=r"text_sha256|append-only"), transaction.atomic():
        twin.save(force_insert=True)
