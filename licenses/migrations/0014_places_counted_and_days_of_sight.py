"""Places are counted, and installations found by the day on which they were last seen."""

import django.db.models.deletion
from django.db import migrations, models

import licenses.models.installations

# Room in every page for the next version of a row that is written often: then no index is touched.
OFTEN_WRITTEN = {
    "licenses_installation": 85,
    "licenses_installationday": 85,
    "licenses_placecount": 80,
}


def leave_room(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for table, share in OFTEN_WRITTEN.items():
            schema_editor.execute(f"ALTER TABLE {table} SET (fillfactor = {share})")


def leave_none(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for table in OFTEN_WRITTEN:
            schema_editor.execute(f"ALTER TABLE {table} RESET (fillfactor)")


class Migration(migrations.Migration):
    dependencies = [
        ("licenses", "0013_long_lists_are_checked_by_a_worker"),
    ]

    operations = [
        migrations.CreateModel(
            name="PlaceCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("machine", "Machine"), ("collector", "Collector")], max_length=9
                    ),
                ),
                ("used", models.PositiveIntegerField()),
                (
                    "license",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="licenses.license",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="placecount",
            constraint=models.UniqueConstraint(fields=("license", "kind"), name="place_count_once"),
        ),
        migrations.AddIndex(
            model_name="activation",
            index=models.Index(
                condition=models.Q(("lease_until__isnull", False), ("released_at__isnull", True)),
                fields=["license", "kind", "lease_until"],
                name="activation_lapsing",
            ),
        ),
        migrations.AddField(
            model_name="installation",
            name="seen_on",
            field=models.DateField(
                default=licenses.models.installations.today,
                help_text="Day of `last_seen_at` (UTC): an index that a beat seldom moves.",
            ),
        ),
        migrations.RemoveIndex(
            model_name="installation",
            name="installation_last_seen",
        ),
        migrations.AddIndex(
            model_name="installation",
            index=models.Index(fields=["seen_on", "id"], name="installation_seen_on"),
        ),
        migrations.RunPython(leave_room, leave_none, elidable=False),
    ]
