import django.db.models.deletion
from django.db import migrations, models

BATCH = 1000
KINDS = {"suspended": "license.suspended", "revoked": "license.revoked", "active": "license.reinstated"}


def keep(apps, _editor):
    """The reasons of the statuses that licenses have now; those of before were overwritten."""
    reasons = apps.get_model("licenses", "StatusReason").objects
    rows = apps.get_model("licenses", "License").objects.exclude(status_reason="").order_by("pk")
    given = rows.values_list("pk", "status", "status_reason", "status_at")
    found = []
    for license_id, status, reason, at in given.iterator(chunk_size=BATCH):
        found.append(reasons.model(license_id=license_id, kind=KINDS[status], reason=reason, given_at=at))
        if len(found) == BATCH:
            reasons.bulk_create(found)
            found = []
    reasons.bulk_create(found)


class Migration(migrations.Migration):

    dependencies = [
        ('licenses', '0021_protect_every_key'),
    ]

    operations = [
        migrations.CreateModel(
            name='StatusReason',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(help_text='The kind of the event that it belongs to.', max_length=20)),
                ('reason', models.CharField(max_length=500)),
                ('given_at', models.DateTimeField()),
                ('license', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='status_reasons', to='licenses.license')),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(fields=['license', 'given_at'], name='status_reason_timeline')],
            },
        ),
        migrations.AddIndex(
            model_name='issuance',
            index=models.Index(fields=['issued_at'], name='issuance_issued'),
        ),
        migrations.RunPython(keep, migrations.RunPython.noop),
    ]
