"""What stands already gets its count and its day."""

from datetime import UTC

from django.db import migrations
from django.db.models import Count
from django.db.models.functions import TruncDate


def forward(apps, schema_editor):
    installations = apps.get_model("licenses", "Installation").objects.all()
    installations.update(seen_on=TruncDate("last_seen_at", tzinfo=UTC))
    counts = apps.get_model("licenses", "PlaceCount")
    held = apps.get_model("licenses", "Activation").objects.filter(released_at=None).order_by()
    counted = held.values_list("license", "kind").annotate(Count("pk")).iterator()
    rows = (counts(license_id=license_pk, kind=kind, used=used) for license_pk, kind, used in counted)
    counts.objects.bulk_create(rows, batch_size=1000)


class Migration(migrations.Migration):
    dependencies = [
        ("licenses", "0014_places_counted_and_days_of_sight"),
    ]

    operations = [
        migrations.RunPython(forward, migrations.RunPython.noop, elidable=True),
    ]
