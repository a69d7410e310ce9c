"""On SQLite a row could be replaced by any unique column but its primary key."""

from django.db import migrations

from history.triggers import protect

TABLES = ("history_event", "history_entry", "history_treenode", "history_checkpoint")


def protect_again(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":  # the others never delete without asking
        for table in TABLES:
            protect(schema_editor, table)


class Migration(migrations.Migration):
    dependencies = [("history", "0002_append_only")]

    operations = [migrations.RunPython(protect_again, migrations.RunPython.noop)]
