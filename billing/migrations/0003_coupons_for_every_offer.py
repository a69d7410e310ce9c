
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0002_orders_ask_the_same_again'),
    ]

    operations = [
        migrations.AlterField(
            model_name='coupon',
            name='offers',
            field=models.ManyToManyField(blank=True, help_text='What it may be used for; none: every offer.', related_name='coupons', to='billing.offer'),
        ),
    ]
