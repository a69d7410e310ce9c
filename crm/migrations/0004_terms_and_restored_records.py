"""Records that were restored over there, whose account a connection is to; and tasks about the end of a license, made once a term, no more once a change
of posture: they get that key.
"""

from django.db import migrations, models


def by_term(apps, schema_editor):
    Task, Event = apps.get_model("crm", "Task"), apps.get_model("history", "Event")
    tasks = Task.objects.filter(kind__in=("renewal_due", "expired"), subject_type="license")
    for row in tasks.exclude(dedupe_key=None).order_by("pk").iterator():
        name, _, uid = row.dedupe_key.rpartition(":")
        posture = Event.objects.filter(
            subject=f"license:{row.subject_id}", kind="posture.changed", at=row.created_at
        )
        made = next((event for event in posture if str(event.uid) == uid), None)
        if made is None:
            continue
        renewed = Event.objects.filter(subject=made.subject, kind="license.renewed", pk__lt=made.pk)
        term = renewed.order_by("-pk").values_list("uid", flat=True).first()
        key = f"{name}:{term or ''}"
        if not Task.objects.filter(dedupe_key=key).exists():
            row.dedupe_key = key
            row.save(update_fields=["dedupe_key"])


class Migration(migrations.Migration):
    dependencies = [("crm", "0003_former_addresses"), ("history", "0002_append_only")]
    operations = [
        migrations.AddField("inboundchange", "restored", models.BooleanField(default=False)),
        migrations.AddField(
            "connection",
            "workspace",
            models.CharField(blank=True, help_text="As the CRM names it, where the credential does not.", max_length=60),
        ),
        migrations.RunPython(by_term, migrations.RunPython.noop, elidable=True),
    ]
