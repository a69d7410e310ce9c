"""On SQLite an issuance or renewal could be replaced by any unique column but its primary key."""

from __future__ import annotations

from django.db import migrations

from history.triggers import protect


def forward(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":  # the others never delete without asking
        protect(schema_editor, "licenses_issuance", mutable=["artifact"])
        protect(schema_editor, "licenses_renewal")


class Migration(migrations.Migration):
    dependencies = [("licenses", "0020_what_the_master_said")]
    operations = [migrations.RunPython(forward, migrations.RunPython.noop)]
