"""What is taken and answered about orders."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from billing.api.naming import in_camel
from billing.domain.enums import OfferType
from billing.models import Checkout
from config.kit.api.serializers import Input
from licenses.api.fields import Text, Whole
from licenses.models.catalogue import choices

DOMAIN = r"\A\.?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+\Z"
LONGEST_URL = 2000
MOST = 2_147_483_647
"""What a column holds; the bounds of a purchase are the offer's to know, which says so by name."""


class CookieDomain(Text):
    """A domain; the dot that makes a cookie hold below it is added (E14)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=254, **kwargs)
        detail = "A domain in small letters, such as shop.example.com."
        self.validators.append(RegexValidator(DOMAIN, detail, code="bad_domain"))

    def run_validation(self, data: Any = "") -> Any:
        domain = super().run_validation(data)
        return f".{domain}" if isinstance(domain, str) and domain[:1] not in ("", ".") else domain


class UtmInput(Input):
    """Where the buyer came from, as the storefront read it off the link."""

    source = Text(max_length=200, required=False, allow_blank=True)  # type: ignore[assignment] # Field has a `source` of its own
    medium = Text(max_length=200, required=False, allow_blank=True)
    campaign = Text(max_length=200, required=False, allow_blank=True)
    term = Text(max_length=200, required=False, allow_blank=True)
    content = Text(max_length=200, required=False, allow_blank=True)


class CheckoutInput(Input):
    """E14. Without a lookup key and without a coupon the default offer is sold."""

    lookup_key = Text(max_length=100, required=False, allow_blank=True)
    coupon = Text(max_length=50, required=False, allow_blank=True)
    type = serializers.ChoiceField(
        choices=choices(OfferType),
        required=False,
        help_text="Which default: of subscriptions or of one-offs.",
    )
    managed_products = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=-MOST,
        max_value=MOST,
        help_text="Number of seats. Default: the offer's own.",
    )
    group = Text(
        max_length=63, required=False, help_text="Default: the one group that the credentials belong to."
    )
    email = serializers.EmailField(max_length=254, required=False, allow_blank=True)
    organization_name = Text(max_length=200, required=False, allow_blank=True)
    organization_long_name = Text(max_length=300, required=False, allow_blank=True)
    cookie_domain = CookieDomain(required=False, allow_blank=True)
    signature = Text(
        max_length=500, required=False, allow_blank=True, help_text="The storefront's own; opaque to us."
    )
    utm = UtmInput(required=False)
    success_url = Text(
        max_length=LONGEST_URL,
        required=False,
        allow_blank=True,
        help_text="On a host of the merchant's list.",
    )
    cancel_url = Text(max_length=LONGEST_URL, required=False, allow_blank=True)


class MaintenanceInput(Input):
    license_id = Text(max_length=40)
    success_url = Text(max_length=LONGEST_URL, required=False, allow_blank=True)
    cancel_url = Text(max_length=LONGEST_URL, required=False, allow_blank=True)


class PortalInput(Input):
    group = Text(
        max_length=63, required=False, help_text="Default: the one group that the credentials belong to."
    )
    return_url = Text(
        max_length=LONGEST_URL,
        required=False,
        allow_blank=True,
        help_text="On a host of the merchant's list.",
    )


class PortalOutput(serializers.Serializer[Any]):
    url = serializers.CharField(help_text="Open for a few minutes, for this customer.")


class SessionInput(Input):
    session_id = Text(max_length=200)


class SubscriptionOutput(serializers.Serializer[Any]):
    subscription_id = serializers.CharField()


class QuoteLine(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment] # Field has a `label` of its own
    quantity = serializers.IntegerField()
    unit_minor = serializers.IntegerField()
    amount_minor = serializers.IntegerField()


class CheckoutOutput(serializers.Serializer[Checkout]):
    """A place to pay at. Amounts are minor units, before tax."""

    session_id = serializers.CharField(help_text="Stripe's.")
    url = serializers.CharField(help_text="Where the buyer pays.")
    checkout = serializers.UUIDField(source="uid")
    purpose = serializers.CharField()
    state = serializers.CharField()
    managed_products = serializers.IntegerField()
    currency = serializers.CharField()
    amount_minor = serializers.IntegerField()
    expires_at = serializers.DateTimeField(help_text="Until when it is held at least.")


class CheckoutRead(CheckoutOutput):
    """As `CheckoutOutput`, with how the price was found and what became of it."""

    lines = QuoteLine(source="quote.lines", many=True)
    group = serializers.CharField(source="account.slug", allow_null=True, default=None)
    lookup_key = serializers.CharField(source="offer.lookup_key")
    coupon = serializers.CharField(source="coupon.code", allow_null=True, default=None)
    license_id = serializers.CharField(source="license.public_id", allow_null=True, default=None)
    state_reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class TierTarget(Input):
    """Where to: an offer by its lookup key, or a plan of the license's product by its code."""

    lookup_key = Text(max_length=100, required=False)
    plan = Text(max_length=63, required=False)


class TierChangeInput(TierTarget):
    expected_minor = Whole(
        highest=99_999_999_999,
        required=False,
        help_text="What was quoted; 409 `tier_quote_changed` if it is another.",
    )
    success_url = Text(max_length=LONGEST_URL, required=False, allow_blank=True)
    cancel_url = Text(max_length=LONGEST_URL, required=False, allow_blank=True)


class TierQuoteOutput(serializers.Serializer[Any]):
    """What the change costs now. Amounts are minor units."""

    from_plan = serializers.CharField(source="license.plan_code")
    to_plan = serializers.CharField(source="offer.plan.slug")
    lookup_key = serializers.CharField(source="offer.lookup_key")
    direction = serializers.CharField(source="quote.direction")
    from_minor = serializers.IntegerField(source="quote.from_minor")
    to_minor = serializers.IntegerField(source="quote.to_minor")
    difference_minor = serializers.IntegerField(source="quote.difference_minor")
    due_minor = serializers.IntegerField(source="quote.due_minor")
    currency = serializers.CharField(source="quote.currency")
    period_days = serializers.IntegerField(source="quote.period.days", allow_null=True, default=None)
    days_left = serializers.IntegerField(source="quote.period.days_left", allow_null=True, default=None)
    effective_at = serializers.DateTimeField(
        source="quote.effective_at", allow_null=True, help_text="null: at once, when it is paid."
    )


class TierChangeOutput(serializers.Serializer[Any]):
    tier_change = serializers.UUIDField(source="uid")
    license_id = serializers.CharField(source="license.public_id")
    state = serializers.CharField()
    from_plan = serializers.CharField(source="from_plan.slug")
    to_plan = serializers.CharField(source="to_plan.slug")
    currency = serializers.CharField()
    amount_minor = serializers.IntegerField()
    effective_at = serializers.DateTimeField(allow_null=True)
    session_id = serializers.CharField(source="checkout.session_id", allow_null=True, default=None)
    url = serializers.CharField(source="checkout.url", allow_null=True, default=None)
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


OperatorCheckoutInput = in_camel(CheckoutInput, name="OperatorCheckoutInput")
OperatorCheckoutOutput = in_camel(CheckoutOutput, name="OperatorCheckoutOutput")
OperatorMaintenanceInput = in_camel(MaintenanceInput, name="OperatorMaintenanceInput")
OperatorPortalInput = in_camel(PortalInput, name="OperatorPortalInput")
OperatorPortalOutput = in_camel(PortalOutput, name="OperatorPortalOutput")
OperatorSessionInput = in_camel(SessionInput, name="OperatorSessionInput")
OperatorSubscriptionOutput = in_camel(SubscriptionOutput, name="OperatorSubscriptionOutput")
