"""Coupons and the slots that checkouts hold of them (C26, E12, E13)."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from accounts.models import Account
from billing.domain.enums import Behavior, Discount, Duration, RedemptionState
from billing.models.merchants import MerchantProfile, empty_map
from billing.models.offers import CURRENCY, Offer
from config.kit.clock import now
from licenses.models.catalogue import LIMIT, choices

CODE = RegexValidator(
    r"^[A-Z0-9][A-Z0-9_-]{0,49}$", "Capital letters, digits, hyphens and underscores, 50 at most."
)


class Coupon(models.Model):
    """A code that changes what a checkout costs, or what it sells. Codes are kept in capitals."""

    code = models.CharField(max_length=50, unique=True, validators=[CODE])
    name = models.CharField(max_length=100, blank=True)
    offers = models.ManyToManyField(
        Offer, related_name="coupons", blank=True, help_text="What it may be used for; none: every offer."
    )
    active = models.BooleanField(default=True)
    featured = models.BooleanField(default=False)
    referrer = models.CharField(max_length=100, blank=True, help_text="Label of who brings the buyer.")
    behavior = models.CharField(max_length=16, choices=choices(Behavior), default=Behavior.STRIPE_PROMOTION)
    override_offer = models.ForeignKey(
        Offer,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="overridden_by",
        help_text="The one-off offer that a product override sells instead.",
    )
    discount = models.CharField(max_length=9, choices=choices(Discount), default=Discount.PERCENT)
    percent_bps = models.PositiveIntegerField(default=0, help_text="Basis points: 2500 is 25 %.")
    amount_minor = models.PositiveBigIntegerField(
        "amount", default=0, help_text="Off the price, or the price itself, in minor units."
    )
    currency = models.CharField(max_length=3, blank=True, validators=[CURRENCY])
    duration = models.CharField(max_length=9, choices=choices(Duration), default=Duration.ONCE)
    duration_months = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Only when repeating."
    )
    max_total = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: no bound.")
    max_per_group = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: no bound.")
    min_managed_products = models.PositiveIntegerField(null=True, blank=True, validators=[LIMIT])
    max_managed_products = models.PositiveIntegerField(null=True, blank=True, validators=[LIMIT])
    expires_at = models.DateTimeField(null=True, blank=True)
    config_managed = models.BooleanField(default=False, editable=False)
    metadata = models.JSONField(default=empty_map, blank=True)
    stripe_coupon = models.CharField(max_length=100, blank=True, editable=False)
    stripe_promotion_code = models.CharField(max_length=100, blank=True, editable=False)
    synced_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    synced_at = models.DateTimeField(null=True, editable=False)
    synced_merchant = models.ForeignKey(
        MerchantProfile,
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="In whose Stripe account coupon and promotion code stand.",
    )
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=Q(percent_bps__lte=10_000), name="coupon_percent_in_range"),
            models.CheckConstraint(
                condition=Q(behavior="stripe_promotion") | Q(override_offer__isnull=False),
                name="coupon_override_has_offer",
            ),
            models.CheckConstraint(
                condition=~Q(duration="repeating") | Q(duration_months__gte=1),
                name="coupon_repeating_has_months",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def overrides(self) -> bool:
        """Whether it sells another offer than the one that was asked for."""
        return self.behavior == Behavior.PRODUCT_OVERRIDE


class Redemption(models.Model):
    """A slot of a coupon: reserved with a checkout, redeemed when it is paid, released when it is not (C26)."""

    coupon = models.ForeignKey(Coupon, on_delete=models.PROTECT, related_name="redemptions", db_index=False)
    checkout = models.OneToOneField("billing.Checkout", on_delete=models.PROTECT, related_name="redemption")
    account = models.ForeignKey(Account, null=True, on_delete=models.PROTECT, related_name="redemptions")
    state = models.CharField(max_length=8, choices=choices(RedemptionState), default=RedemptionState.RESERVED)
    reserved_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["coupon", "state"], name="redemption_slots")]

    def __str__(self) -> str:
        return f"{self.coupon_id}: {self.state}"
