from django.db import migrations, models

import licenses.models.catalogue

SHA256_HEX = 64


def remember(apps, _editor):
    """A mark of before is a revoked license by its id or a revoked key by its hash."""
    for row in apps.get_model("licenses", "SelfLicense").objects.all():
        row.remembered = {
            mark: {
                "live": None, "seats": None, "refused": "revoked", "since": "",
                "reason": "key_revoked" if len(mark) == SHA256_HEX else "revoked",
            }
            for mark in row.revoked
        }  # fmt: skip
        row.save(update_fields=["remembered"])


def forget(apps, _editor):
    for row in apps.get_model("licenses", "SelfLicense").objects.all():
        row.revoked = sorted(mark for mark, said in row.remembered.items() if said["refused"] == "revoked")
        row.save(update_fields=["revoked"])


class Migration(migrations.Migration):
    dependencies = [("licenses", "0019_an_installation_without_master")]

    operations = [
        migrations.AddField(
            model_name="selflicense",
            name="remembered",
            field=models.JSONField(
                default=licenses.models.catalogue.empty_map,
                help_text="What the master said last of each license by id, and of revoked keys by hash.",
            ),
        ),
        migrations.RunPython(remember, forget),
        migrations.RemoveField(model_name="selflicense", name="revoked"),
    ]
