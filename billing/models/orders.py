"""Orders on their way, money that arrived, cycles of payments, and what was delivered for them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from accounts.models import Account
from billing.domain.enums import (
    HOLDING,
    CheckoutState,
    Interval,
    PaymentSource,
    PaymentState,
    Purpose,
    SubscriptionState,
    TierChangeState,
)
from billing.models.coupons import Coupon
from billing.models.merchants import MerchantProfile, empty_map
from billing.models.offers import Offer
from config.kit import ids
from config.kit.clock import now
from licenses.models import Issuance, License, Plan
from licenses.models.catalogue import choices


class Checkout(models.Model):
    """An order on its way: what is asked for, and the reservation of units and coupon slot (E14-E16).

    Stripe is asked after this row is committed, under an idempotency key made of `uid`; the session's
    `client_reference_id` is `uid` too, so that a lost answer is found again.
    """

    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    merchant = models.ForeignKey(MerchantProfile, on_delete=models.PROTECT, related_name="checkouts")
    purpose = models.CharField(max_length=11, choices=choices(Purpose), default=Purpose.PURCHASE)
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="checkouts", db_index=False)
    coupon = models.ForeignKey(
        Coupon, null=True, blank=True, on_delete=models.PROTECT, related_name="checkouts"
    )
    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.PROTECT, related_name="checkouts"
    )
    license = models.ForeignKey(
        License,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="checkouts",
        help_text="Whose maintenance or change of tier is paid.",
    )
    managed_products = models.PositiveIntegerField("seats", default=0)
    units = models.PositiveIntegerField(default=1, help_text="What it takes of the offer's total cap.")
    currency = models.CharField(max_length=3)
    amount_minor = models.PositiveBigIntegerField(
        "amount", help_text="As quoted, after the coupon, before tax."
    )
    quote = models.JSONField(default=empty_map, help_text="How the amount was found.")
    email = models.EmailField(blank=True)
    organization_name = models.CharField(max_length=200, blank=True)
    organization_long_name = models.CharField(max_length=300, blank=True)
    cookie_domain = models.CharField(max_length=254, blank=True)
    signature = models.CharField(max_length=500, blank=True, help_text="Opaque to us; the storefront's own.")
    utm = models.JSONField(default=empty_map, blank=True)
    params = models.JSONField(
        default=empty_map,
        help_text="What Stripe is asked, kept so that asking again under the same key is the same question.",
    )
    success_url = models.CharField(max_length=2000, blank=True)
    cancel_url = models.CharField(max_length=2000, blank=True)
    state = models.CharField(max_length=10, choices=choices(CheckoutState), default=CheckoutState.RESERVED)
    state_reason = models.CharField(max_length=200, blank=True)
    session_id = models.CharField(max_length=200, blank=True)
    url = models.TextField(blank=True)
    subscription_ref = models.CharField("Stripe subscription", max_length=100, blank=True)
    actor = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField(help_text="When the reservation is looked at again.")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["session_id"], condition=~Q(session_id=""), name="checkout_session_once"
            ),
        ]
        indexes = [
            # units held of an offer, also serves the foreign key
            models.Index(fields=["offer", "state"], name="checkout_units"),
            models.Index(fields=["subscription_ref"], name="checkout_subscription"),
            # the reaper
            models.Index(fields=["state", "expires_at"], name="checkout_due"),
            # the orders of a person, however the address is spelled
            models.Index(Lower("email"), name="checkout_email"),
        ]
        permissions = [
            ("manage_catalogue", "Can edit offers, coupons and merchant profiles"),
            ("sync_stripe", "Can sync the catalogue to Stripe"),
            ("refund_payment", "Can refund and re-run payments"),
            ("view_revenue", "Can see revenue figures and payment reports"),
            ("change_tier", "Can change the tier of a license"),
        ]

    def __str__(self) -> str:
        return f"{self.offer_id}: {self.state}"

    @property
    def holds(self) -> bool:
        return self.state in HOLDING


class Subscription(models.Model):
    """A cycle of payments that renews one license (C28). Price and period are frozen at its start.

    `revision` counts writes: whoever read Stripe before the last write reads it again, so an older state
    never overwrites a newer one.
    """

    merchant = models.ForeignKey(MerchantProfile, on_delete=models.PROTECT, related_name="subscriptions")
    stripe_id = models.CharField(max_length=100, unique=True)
    customer_ref = models.CharField("Stripe customer", max_length=100, blank=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="subscriptions")
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="subscriptions")
    license = models.ForeignKey(
        License, null=True, blank=True, on_delete=models.PROTECT, related_name="subscriptions"
    )
    checkout = models.OneToOneField(
        Checkout, null=True, blank=True, on_delete=models.PROTECT, related_name="subscription"
    )
    state = models.CharField(
        max_length=9, choices=choices(SubscriptionState), default=SubscriptionState.ACTIVE
    )
    stripe_status = models.CharField(max_length=30, blank=True)
    currency = models.CharField(max_length=3)
    amount_minor = models.PositiveBigIntegerField("amount a period")
    interval = models.CharField(max_length=5, choices=choices(Interval))
    interval_count = models.PositiveSmallIntegerField(default=1)
    managed_products = models.PositiveIntegerField("seats", default=0)
    period_start = models.DateTimeField(null=True)
    period_end = models.DateTimeField(null=True)
    cancel_at_period_end = models.BooleanField(default=False)
    past_due_since = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField()
    revision = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["state", "period_end"], name="subscription_due"),
            models.Index(fields=["customer_ref"], name="subscription_customer"),
        ]

    def __str__(self) -> str:
        return self.stripe_id


class Payment(models.Model):
    """Money that arrived: one paid session or one paid invoice. `reference` is that object's id at Stripe.

    Amounts are minor units; `amount_minor` is what the buyer paid, tax included. `counted` is false for test
    mode and for internal and test licenses: those stay out of every revenue figure (D4).
    """

    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    merchant = models.ForeignKey(MerchantProfile, on_delete=models.PROTECT, related_name="payments")
    source = models.CharField(max_length=8, choices=choices(PaymentSource))
    reference = models.CharField(max_length=200, unique=True)
    purpose = models.CharField(max_length=11, choices=choices(Purpose), default=Purpose.PURCHASE)
    checkout = models.ForeignKey(
        Checkout, null=True, blank=True, on_delete=models.PROTECT, related_name="payments"
    )
    subscription = models.ForeignKey(
        Subscription, null=True, blank=True, on_delete=models.PROTECT, related_name="payments"
    )
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="payments", db_index=False)
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="payments", db_index=False)
    customer_ref = models.CharField("Stripe customer", max_length=100, blank=True)
    customer_name = models.CharField(max_length=200, blank=True)
    customer_email = models.EmailField(blank=True)
    invoice_ref = models.CharField("Stripe invoice", max_length=100, blank=True)
    intent_ref = models.CharField("Stripe payment intent", max_length=100, blank=True)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField("paid")
    expected_minor = models.BigIntegerField("expected", null=True, help_text="As our catalogue quoted it.")
    tax_minor = models.BigIntegerField("tax", default=0)
    refunded_minor = models.BigIntegerField("refunded", default=0)
    state = models.CharField(max_length=18, choices=choices(PaymentState), default=PaymentState.SETTLED)
    dispute_ref = models.CharField("Stripe dispute", max_length=100, blank=True)
    livemode = models.BooleanField(default=False)
    counted = models.BooleanField(default=True)
    period_start = models.DateTimeField(null=True)
    period_end = models.DateTimeField(null=True)
    paid_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    revision = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-paid_at", "-id"]
        indexes = [
            # reports are ranges of time, newest first
            models.Index(fields=["-paid_at", "-id"], name="payment_paid"),
            models.Index(fields=["account", "-paid_at"], name="payment_account"),
            models.Index(fields=["offer", "-paid_at"], name="payment_offer"),
            models.Index(fields=["intent_ref"], name="payment_intent"),
            models.Index(fields=["invoice_ref"], name="payment_invoice"),
            # the payments of a person, however the address is spelled
            models.Index(Lower("customer_email"), name="payment_email"),
        ]

    def __str__(self) -> str:
        return self.reference


class Fulfilment(models.Model):
    """What one payment delivered: one row for each issuance, by its place in the order.

    The unique pair is what makes "one paid thing, one issuance" a rule of the database.
    """

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="fulfilments", db_index=False)
    position = models.PositiveIntegerField(default=0)
    license = models.ForeignKey(License, on_delete=models.PROTECT, related_name="fulfilments")
    issuance = models.OneToOneField(Issuance, null=True, on_delete=models.PROTECT, related_name="fulfilment")
    maintenance_before = models.DateTimeField(
        null=True, help_text="Of an order of maintenance: its end until then."
    )
    maintenance_days = models.PositiveIntegerField(null=True, help_text="How long it was bought for.")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["payment", "position"], name="fulfilment_once")]

    def __str__(self) -> str:
        return f"{self.payment_id}/{self.position}"


class TierChange(models.Model):
    """A license that moves from one plan to another (C29): quoted, paid or scheduled, applied."""

    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    license = models.ForeignKey(License, on_delete=models.PROTECT, related_name="tier_changes")
    subscription = models.ForeignKey(
        Subscription, null=True, blank=True, on_delete=models.PROTECT, related_name="tier_changes"
    )
    checkout = models.OneToOneField(
        Checkout, null=True, blank=True, on_delete=models.PROTECT, related_name="tier_change"
    )
    from_plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    to_plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    to_offer = models.ForeignKey(Offer, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    forced = models.BooleanField(default=False, help_text="By staff, past the rules for buyers.")
    state = models.CharField(max_length=16, choices=choices(TierChangeState), default=TierChangeState.QUOTED)
    currency = models.CharField(max_length=3, blank=True)
    amount_minor = models.PositiveBigIntegerField("due now", default=0)
    quote = models.JSONField(default=empty_map)
    moved = models.JSONField(
        default=empty_map, help_text="The terms and the price before and after, for the case of a refund."
    )
    effective_at = models.DateTimeField(null=True)
    stripe_due_at = models.DateTimeField(
        null=True, help_text="When Stripe is told the new price of the subscription; empty: nothing to tell."
    )
    actor = models.CharField(max_length=80)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # what waits for the renewal of a license
            models.Index(fields=["state", "-id"], name="tier_change_state"),
            # the sweep that tells Stripe
            models.Index(
                fields=["stripe_due_at"], name="tier_change_due", condition=Q(stripe_due_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.license_id}: {self.from_plan_id} to {self.to_plan_id}"
