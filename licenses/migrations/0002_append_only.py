"""Issuances and renewals are append-only: the database itself refuses to change or remove one (A2, A26)."""

from __future__ import annotations

from django.db import migrations

from history.triggers import protect, unprotect


def forward(apps, schema_editor):
    protect(schema_editor, "licenses_issuance", mutable=["artifact"])
    protect(schema_editor, "licenses_renewal")


def backward(apps, schema_editor):
    unprotect(schema_editor, "licenses_renewal")
    unprotect(schema_editor, "licenses_issuance")


class Migration(migrations.Migration):
    atomic = False  # MariaDB ends a transaction at every change of the schema

    dependencies = [("licenses", "0001_initial"), ("history", "0001_event_log")]
    operations = [migrations.RunPython(forward, backward)]
