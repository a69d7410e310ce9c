"""What was synced until now stands in the account of the profile that sells it today."""

from django.db import migrations


def remember(apps, schema_editor):
    profiles = apps.get_model("billing", "MerchantProfile").objects
    default = profiles.filter(is_default=True).first()
    if default is None:
        return
    for offer in apps.get_model("billing", "Offer").objects.exclude(stripe_product=""):
        offer.synced_merchant_id = offer.merchant_id or default.pk
        offer.save(update_fields=["synced_merchant"])
    for coupon in apps.get_model("billing", "Coupon").objects.exclude(stripe_coupon=""):
        sellers = {merchant or default.pk for merchant in coupon.offers.values_list("merchant", flat=True)}
        if not sellers and profiles.count() == 1:
            sellers = {default.pk}
        if len(sellers) == 1:
            coupon.synced_merchant_id = sellers.pop()
            coupon.save(update_fields=["synced_merchant"])


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0006_whose_account_was_told'),
    ]

    operations = [
        migrations.RunPython(remember, migrations.RunPython.noop),
    ]
