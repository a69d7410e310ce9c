from django.db import migrations, models


def place_middles(apps, schema_editor):
    trial = apps.get_model("trials", "Trial")
    for row in trial.objects.filter(middle_at=None).iterator():
        row.middle_at = row.started_at + (row.ends_at - row.started_at) / 2
        row.save(update_fields=["middle_at"])


class Migration(migrations.Migration):
    dependencies = [("trials", "0001_initial")]

    operations = [
        migrations.AddField("trial", "middle_at", models.DateTimeField(null=True, help_text="Half way between start and end.")),
        migrations.RunPython(place_middles, migrations.RunPython.noop),
        migrations.AlterField("trial", "middle_at", models.DateTimeField(help_text="Half way between start and end.")),
        migrations.AddIndex("trial", models.Index(fields=["middle_at"], name="trial_middle")),
        migrations.AddIndex("trial", models.Index(fields=["ends_at"], name="trial_ends_all")),
    ]
