"""What a storefront sells: plans at a price. Money is minor units of the offer's currency."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from billing.domain.enums import Interval, MaintenanceMode, OfferType, Pricing
from billing.models.merchants import MerchantProfile, empty_list, empty_map
from config.kit.clock import now
from licenses.models import Plan
from licenses.models.catalogue import LIMIT, SLUG, choices

CURRENCY = RegexValidator(r"^[a-z]{3}$", "Three lower-case letters, as eur.")


class Offer(models.Model):
    """A plan at a price, or a bundle of such. Synced to Stripe as one product and one price.

    `managed_products` of the License Operator's API is what a buyer's seats are called there (E15): it becomes
    `seats` of the license. Sold and reserved units are counted from checkouts, under a lock of the offer's row.
    """

    slug = models.CharField(max_length=63, unique=True, validators=[SLUG])
    lookup_key = models.CharField(
        max_length=100, unique=True, help_text="Names it to storefronts and to Stripe."
    )
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, max_length=2000)
    features = models.JSONField(
        default=empty_list, blank=True, help_text="Lines of text for the price table."
    )
    plan = models.ForeignKey(
        Plan,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="offers",
        help_text="What the license is cut from; empty for a bundle.",
    )
    merchant = models.ForeignKey(
        MerchantProfile,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="offers",
        help_text="Empty: the default profile.",
    )
    type = models.CharField(max_length=12, choices=choices(OfferType), default=OfferType.SUBSCRIPTION)
    pricing = models.CharField(max_length=6, choices=choices(Pricing), default=Pricing.FIXED)
    currency = models.CharField(max_length=3, default="eur", validators=[CURRENCY])
    amount_minor = models.PositiveBigIntegerField(
        "amount", default=0, help_text="Price, or the base of the tiers, in minor units (cents)."
    )
    per_unit = models.BooleanField(default=False, help_text="The price counts for each seat.")
    interval = models.CharField(
        max_length=5, choices=choices(Interval), blank=True, help_text="Of a subscription."
    )
    interval_count = models.PositiveSmallIntegerField(default=1)
    term_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Of a one-off offer, 1095 for three years; empty: the plan's, 0: perpetual.",
    )
    maintenance = models.CharField(
        max_length=6, choices=choices(MaintenanceMode), blank=True, help_text="Of a perpetual license."
    )
    maintenance_days = models.PositiveIntegerField(default=365)
    maintenance_amount_minor = models.PositiveBigIntegerField(
        "price of maintenance", default=0, help_text="For one more year, in minor units."
    )
    default_seats = models.PositiveIntegerField(default=1, validators=[LIMIT])
    min_managed_products = models.PositiveIntegerField(default=0, validators=[LIMIT])
    max_managed_products = models.PositiveIntegerField(
        null=True, blank=True, validators=[LIMIT], help_text="Most seats of one purchase; empty: no bound."
    )
    max_license_total = models.PositiveIntegerField(
        null=True, blank=True, validators=[LIMIT], help_text="Most units ever sold; empty: no cap."
    )
    active = models.BooleanField(default=True)
    internal = models.BooleanField(default=False, help_text="Hidden from the public catalogue.")
    config_managed = models.BooleanField(
        default=False, editable=False, help_text="Kept by the catalogue file; not edited here."
    )
    default_for = models.CharField(
        max_length=12,
        choices=choices(OfferType),
        blank=True,
        help_text="Sold when a checkout names neither offer nor coupon.",
    )
    position = models.PositiveSmallIntegerField(default=0)
    metadata = models.JSONField(default=empty_map, blank=True)
    stripe_product = models.CharField(max_length=100, blank=True, editable=False)
    stripe_price = models.CharField(max_length=100, blank=True, editable=False)
    synced_sha256 = models.CharField(
        max_length=64, blank=True, editable=False, help_text="Of what Stripe was told."
    )
    synced_at = models.DateTimeField(null=True, editable=False)
    synced_merchant = models.ForeignKey(
        MerchantProfile,
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="In whose Stripe account product and price stand.",
    )
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["position", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(type__in=["subscription", "one_off"]), name="offer_type_known"
            ),
            models.CheckConstraint(condition=Q(pricing__in=["fixed", "tiered"]), name="offer_pricing_known"),
            models.CheckConstraint(
                condition=~Q(type="subscription") | ~Q(interval=""), name="offer_subscription_has_interval"
            ),
            models.CheckConstraint(condition=Q(interval_count__gte=1), name="offer_interval_counts"),
            models.UniqueConstraint(
                fields=["default_for"], condition=~Q(default_for=""), name="offer_one_default_a_type"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_bundle(self) -> bool:
        return self.plan_id is None


class PriceTier(models.Model):
    """One step of a tiered price (E10): up to `up_to` seats, or without bound."""

    offer = models.ForeignKey(Offer, on_delete=models.CASCADE, related_name="tiers")
    up_to = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: no bound.")
    amount_minor = models.PositiveBigIntegerField(
        "amount", default=0, help_text="0: the offer's base times the factor."
    )
    factor = models.DecimalField(max_digits=12, decimal_places=6, default=1)
    per_unit = models.BooleanField(default=False)

    class Meta:
        ordering = [models.F("up_to").asc(nulls_last=True)]
        constraints = [
            models.UniqueConstraint(fields=["offer", "up_to"], name="tier_bound_once"),
            models.UniqueConstraint(
                fields=["offer"], condition=Q(up_to__isnull=True), name="tier_one_without_bound"
            ),
            models.CheckConstraint(
                condition=Q(up_to__isnull=True) | Q(up_to__gte=1), name="tier_bound_positive"
            ),
            models.CheckConstraint(condition=Q(factor__gte=0), name="tier_factor_not_negative"),
        ]

    def __str__(self) -> str:
        return f"up to {self.up_to}" if self.up_to else "above"


class BundleItem(models.Model):
    """What one bundle holds of one plan (E11): `quantity` licenses with `managed_products` seats each."""

    bundle = models.ForeignKey(Offer, on_delete=models.CASCADE, related_name="items")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="bundled")
    quantity = models.PositiveIntegerField(default=1)
    managed_products = models.PositiveIntegerField(
        null=True, blank=True, validators=[LIMIT], help_text="Seats; empty: the plan's."
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["bundle", "plan"], name="bundle_plan_once"),
            models.CheckConstraint(
                condition=Q(quantity__gte=1, quantity__lte=100), name="bundle_quantity_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.plan}"
