from django.db import migrations

# slug: the hours of the window that were the default, and those that outlast three days without a run
WIDER = {"install-help": (72, 96), "ends-in-7": (72, 96), "ends-in-3": (48, 96), "expired": (96, 120)}


def widen(apps, schema_editor):
    """Steps as they came; what staff have set stays."""
    steps = apps.get_model("notifications", "DripStep").objects.using(schema_editor.connection.alias)
    for slug, (before, after) in WIDER.items():
        steps.filter(slug=slug, program=None, window_hours=before).update(window_hours=after)


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0003_busmessage"),
    ]

    operations = [migrations.RunPython(widen, migrations.RunPython.noop)]
