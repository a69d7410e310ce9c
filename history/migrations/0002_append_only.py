from django.db import migrations

from history.triggers import protect, unprotect

TABLES = ("history_event", "history_entry", "history_treenode", "history_checkpoint")


def install(apps, schema_editor):
    for table in TABLES:
        protect(schema_editor, table)


def remove(apps, schema_editor):
    for table in TABLES:
        unprotect(schema_editor, table)


class Migration(migrations.Migration):
    atomic = False  # MariaDB ends a transaction at every change of the schema

    dependencies = [("history", "0001_event_log")]

    operations = [migrations.RunPython(install, remove)]
