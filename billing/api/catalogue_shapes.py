"""Shapes of the catalogue: what storefronts read, and what its keepers write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.domain.enums import Behavior, Discount, Duration, Interval, MaintenanceMode, OfferType, Pricing
from billing.domain.offers import (
    LONGEST_FEATURE,
    LONGEST_METADATA_VALUE,
    MAX_FACTOR,
    MAX_MAINTENANCE_DAYS,
    MOST_FEATURES,
    MOST_ITEMS,
    MOST_LICENSES,
    MOST_TIERS,
)
from billing.domain.prices import MAX_AMOUNT, MAX_SEATS, WHOLE_BPS
from billing.models import BundleItem, Coupon, Offer, PriceTier
from config.kit.api.serializers import Input
from licenses.api.fields import Code, Flag, Instant, Text, Whole
from licenses.domain.periods import MAX_TERM_DAYS
from licenses.models.catalogue import choices

MOST_COUPONS = 20
MAX_MONTHS = 120
MAX_POSITION = 32_767


class EitherCase(Input):
    """An entry in our own names; `lookupKey` of older storefronts is read as `lookup_key`."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            data = {self._spelt(str(name), data): value for name, value in data.items()}
        return super().to_internal_value(data)

    def _spelt(self, name: str, data: Mapping[str, Any]) -> str:
        ours = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f"_{found[1].lower()}", name)
        return ours if ours in self.fields and ours not in data else name


class Metadata(serializers.DictField):
    """Up to 40 names with a text each, as Stripe keeps them."""

    child = Text(max_length=LONGEST_METADATA_VALUE, allow_blank=True)


class TierInput(EitherCase):
    """One step of a tiered price (E10)."""

    up_to = Whole(1, MAX_SEATS, required=False, allow_null=True, help_text="null: without bound.")
    amount_minor = Whole(0, MAX_AMOUNT, required=False, help_text="0: the offer's base times `factor`.")
    factor = serializers.DecimalField(
        max_digits=12, decimal_places=6, min_value=0, max_value=MAX_FACTOR, required=False
    )
    per_unit = Flag(required=False, help_text="The price counts for each seat.")


class ComponentInput(EitherCase):
    """One component of a bundle (E11)."""

    product_key = Text(max_length=63, help_text="Product key, or the slug of another offer.")
    plan = Text(max_length=63, required=False, allow_blank=True, help_text="Code of the plan, if several.")
    quantity = Whole(1, MOST_LICENSES, required=False, help_text="Licenses of it.")
    managed_products = Whole(
        0, required=False, allow_null=True, help_text="Seats of each; default: the plan's."
    )


class PromotionInput(EitherCase):
    """A discount in Stripe's words (E12): `percent_off`, or `amount_off` with `currency`."""

    percent_off = serializers.DecimalField(
        max_digits=5, decimal_places=2, min_value=0, max_value=100, required=False
    )
    amount_off = Whole(1, MAX_AMOUNT, required=False, help_text="Minor units.")
    currency = serializers.RegexField(r"\A[a-z]{3}\Z", max_length=3, required=False)
    duration = serializers.ChoiceField(choices=choices(Duration), required=False)
    duration_in_months = Whole(1, MAX_MONTHS, required=False, allow_null=True)


class CouponUpdateInput(EitherCase):
    """A coupon (E12). What it takes off stands in `promotion`, or in the flat fields."""

    name = Text(max_length=100, required=False, allow_blank=True)
    active = Flag(required=False)
    featured = Flag(required=False)
    referrer = Text(max_length=100, required=False, allow_blank=True)
    behavior = serializers.ChoiceField(choices=choices(Behavior), required=False)
    override_offer = Text(
        max_length=63, required=False, allow_null=True, help_text="Slug of the one-off product that is sold."
    )
    promotion = PromotionInput(required=False)
    discount = serializers.ChoiceField(choices=choices(Discount), required=False)
    percent_bps = Whole(0, WHOLE_BPS, required=False, help_text="Basis points: 2500 is 25 %.")
    amount_minor = Whole(0, MAX_AMOUNT, required=False)
    currency = serializers.RegexField(r"\A(?:[a-z]{3})?\Z", max_length=3, required=False, allow_blank=True)
    duration = serializers.ChoiceField(choices=choices(Duration), required=False)
    duration_months = Whole(1, MAX_MONTHS, required=False, allow_null=True)
    max_total = Whole(0, required=False, allow_null=True)
    max_per_group = Whole(0, required=False, allow_null=True)
    min_managed_products = Whole(0, required=False, allow_null=True)
    max_managed_products = Whole(0, required=False, allow_null=True)
    expires_at = Instant(required=False, allow_null=True)
    metadata = Metadata(required=False)


class CouponCreateInput(CouponUpdateInput):
    code = Text(max_length=50, help_text="Kept in capitals.")


class OfferUpdateInput(EitherCase):
    """A product of the catalogue (E9). What is not given stays."""

    name = Text(max_length=200, required=False)
    description = Text(max_length=2000, required=False, allow_blank=True)
    features = serializers.ListField(
        child=Text(max_length=LONGEST_FEATURE), max_length=MOST_FEATURES, required=False
    )
    lookup_key = serializers.RegexField(
        r"\A[\x21-\x7e]{1,100}\Z", max_length=100, required=False, help_text="Default: the slug."
    )
    product_key = Text(
        max_length=63, required=False, allow_null=True, help_text="Of the licenses that it sells."
    )
    plan = Text(max_length=63, required=False, allow_null=True, help_text="Code of the plan, if several.")
    merchant = Text(
        max_length=63, required=False, allow_null=True, help_text="Slug; null: the default profile."
    )
    type = serializers.ChoiceField(choices=choices(OfferType), required=False)
    pricing = serializers.ChoiceField(choices=choices(Pricing), required=False)
    currency = serializers.RegexField(r"\A[a-z]{3}\Z", max_length=3, required=False)
    amount_minor = Whole(
        0, MAX_AMOUNT, required=False, help_text="Price, or the base of the tiers, in minor units."
    )
    per_unit = Flag(required=False)
    tiers = serializers.ListField(child=TierInput(), max_length=MOST_TIERS, required=False)
    pricing_tiers = serializers.ListField(
        child=TierInput(), max_length=MOST_TIERS, required=False, help_text="Another name of `tiers`."
    )
    components = serializers.ListField(child=ComponentInput(), max_length=MOST_ITEMS, required=False)
    interval = serializers.ChoiceField(choices=choices(Interval), required=False, allow_blank=True)
    interval_count = Whole(1, 36, required=False)
    term_days = Whole(
        0, MAX_TERM_DAYS, required=False, allow_null=True, help_text="1095 for three years; 0: perpetual."
    )
    maintenance = serializers.ChoiceField(choices=choices(MaintenanceMode), required=False, allow_blank=True)
    maintenance_days = Whole(1, MAX_MAINTENANCE_DAYS, required=False)
    maintenance_amount_minor = Whole(0, MAX_AMOUNT, required=False)
    default_seats = Whole(0, required=False)
    min_managed_products = Whole(0, required=False)
    max_managed_products = Whole(0, required=False, allow_null=True)
    max_license_total = Whole(0, required=False, allow_null=True)
    active = Flag(required=False)
    internal = Flag(required=False, help_text="Hidden from the public catalogue; for sysadmins.")
    default_for = serializers.ChoiceField(choices=choices(OfferType), required=False, allow_blank=True)
    position = Whole(0, MAX_POSITION, required=False)
    metadata = Metadata(required=False)


class OfferCreateInput(OfferUpdateInput):
    slug = Code()
    name = Text(max_length=200)
    coupons = serializers.ListField(child=CouponCreateInput(), max_length=MOST_COUPONS, required=False)


class ProductDetailsInput(EitherCase):
    lookup_key = Text(max_length=100)
    managed_products = Whole(1, MAX_SEATS, required=False, help_text="Also say what this many cost.")


class CouponPublicOutput(serializers.ModelSerializer[Coupon]):
    """What anybody may know of a coupon (E7)."""

    class Meta:
        model = Coupon
        fields = ["code", "active", "max_total", "max_per_group"]
        read_only_fields = fields


class TierOutput(serializers.ModelSerializer[PriceTier]):
    factor = serializers.DecimalField(max_digits=12, decimal_places=6, normalize_output=True)

    class Meta:
        model = PriceTier
        fields = ["up_to", "amount_minor", "factor", "per_unit"]
        read_only_fields = fields


class ComponentOutput(serializers.ModelSerializer[BundleItem]):
    product_key = serializers.CharField(source="plan.product.product_key")
    plan = serializers.CharField(source="plan.slug")

    class Meta:
        model = BundleItem
        fields = ["product_key", "plan", "quantity", "managed_products"]
        read_only_fields = fields


class OfferPublicOutput(serializers.ModelSerializer[Offer]):
    """A product as a storefront shows it (E7)."""

    product_key = serializers.CharField(source="plan.product.product_key", default=None, allow_null=True)
    plan = serializers.CharField(source="plan.slug", default=None, allow_null=True)
    features = serializers.ListField(child=serializers.CharField())
    tiers = TierOutput(many=True)
    components = ComponentOutput(source="items", many=True)
    coupons = CouponPublicOutput(many=True)
    sold_out = serializers.SerializerMethodField()

    class Meta:
        model = Offer
        fields = [
            "slug", "lookup_key", "name", "description", "features", "product_key", "plan", "type", "pricing",
            "currency", "amount_minor", "per_unit", "tiers", "components", "interval", "interval_count",
            "term_days", "maintenance", "maintenance_days", "maintenance_amount_minor", "default_seats",
            "min_managed_products", "max_managed_products", "sold_out", "coupons",
        ]  # fmt: skip
        read_only_fields = fields

    def get_sold_out(self, row: Offer) -> bool:
        return row.max_license_total is not None and vars(row)["held"] >= row.max_license_total


class CouponOutput(serializers.ModelSerializer[Coupon]):
    """A coupon as its keepers see it."""

    offers = serializers.SlugRelatedField(slug_field="slug", many=True, read_only=True)  # type: ignore[var-annotated] # DRF's stubs ask for a model
    override_offer = serializers.CharField(source="override_offer.slug", default=None, allow_null=True)
    taken = serializers.IntegerField(help_text="Uses that are reserved or redeemed.")
    redeemed = serializers.IntegerField()
    metadata = serializers.DictField(child=serializers.CharField())

    class Meta:
        model = Coupon
        fields = [
            "code", "name", "offers", "active", "featured", "referrer", "behavior", "override_offer", "discount",
            "percent_bps", "amount_minor", "currency", "duration", "duration_months", "max_total",
            "max_per_group", "min_managed_products", "max_managed_products", "expires_at", "config_managed",
            "metadata", "taken", "redeemed", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class OfferOutput(OfferPublicOutput):
    """A product as its keepers see it (E8)."""

    merchant = serializers.CharField(source="merchant.slug", default=None, allow_null=True)
    held = serializers.IntegerField(help_text="Units that are sold or on their way.")
    metadata = serializers.DictField(child=serializers.CharField())

    class Meta(OfferPublicOutput.Meta):
        fields = [
            *OfferPublicOutput.Meta.fields, "merchant", "max_license_total", "held", "active", "internal",
            "config_managed", "default_for", "position", "metadata", "stripe_product", "stripe_price", "synced_at",
            "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class QuoteLineOutput(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment] # Field has a `label` of its own
    quantity = serializers.IntegerField()
    unit_minor = serializers.IntegerField()
    amount_minor = serializers.IntegerField()


class QuoteOutput(serializers.Serializer[Any]):
    """A price with the way it was found; minor units."""

    list_minor = serializers.IntegerField()
    discount_minor = serializers.IntegerField()
    total_minor = serializers.IntegerField()
    currency = serializers.CharField()
    unit_minor = serializers.IntegerField()
    quantity = serializers.IntegerField()
    managed_products = serializers.IntegerField()
    coupon = serializers.CharField(allow_blank=True)
    tier_up_to = serializers.IntegerField(allow_null=True)
    lines = QuoteLineOutput(many=True)


class ProductDetailsOutput(OfferPublicOutput):
    """A product, and with `managed_products` what that many cost."""

    quote = serializers.SerializerMethodField(help_text="null unless `managed_products` is given.")

    class Meta(OfferPublicOutput.Meta):
        fields = [*OfferPublicOutput.Meta.fields, "quote"]
        read_only_fields = fields

    @extend_schema_field(QuoteOutput(allow_null=True))
    def get_quote(self, row: Offer) -> Any:
        return self.context["quote"]


class SeatUsageOutput(serializers.Serializer[Any]):
    """E26. null is no bound."""

    activeConfigManaged = serializers.IntegerField(source="config_managed")  # noqa: N815 - the License Operator's name
    activeCustom = serializers.IntegerField(source="custom")  # noqa: N815 - as above
    activeTotal = serializers.IntegerField(source="total")  # noqa: N815 - as above
    seatLimit = serializers.IntegerField(source="limit", allow_null=True)  # noqa: N815 - as above
    availableSeats = serializers.IntegerField(source="available", allow_null=True)  # noqa: N815 - as above
