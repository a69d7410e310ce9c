"""Shapes of products, plans and presets."""

from __future__ import annotations

from rest_framework import serializers

from config.kit.api.serializers import Input
from licenses.api.fields import Code, Entitlements, Flag, Text, Whole
from licenses.api.shapes.licenses import EntitlementsOutput
from licenses.domain.enums import Algorithm, Edition, Format, Kind
from licenses.domain.instants import MAX_DAYS
from licenses.domain.periods import MAX_TERM_DAYS
from licenses.domain.plans import MAX_BILLING_GRACE_DAYS, MAX_PERIOD_DAYS, MAX_PRICE, MAX_TIER_RANK
from licenses.models import Plan, Preset, Product
from licenses.models.catalogue import choices

MAX_CATALOGUE = 500


class CatalogueRow(Input):
    """One entitlement that a product knows."""

    slug = Text(max_length=64)
    name = Text(max_length=200, required=False, allow_blank=True)
    description = Text(max_length=1000, required=False, allow_blank=True)


class ProductUpdateInput(Input):
    slug = Code(required=False)
    name = Text(max_length=200, required=False)
    algorithm = serializers.ChoiceField(
        choices=choices(Algorithm), required=False, help_text="Default: RS256."
    )
    default_format = serializers.ChoiceField(
        choices=choices(Format), required=False, help_text="Default: jwt."
    )
    entitlement_catalogue = serializers.ListField(
        child=CatalogueRow(),
        max_length=MAX_CATALOGUE,
        required=False,
        help_text="Empty: plans may use any slug (C20).",
    )
    seat_label = Text(max_length=40, required=False)
    active = Flag(required=False)


class ProductCreateInput(ProductUpdateInput):
    product_key = Code()
    name = Text(max_length=200)
    audience = serializers.RegexField(
        r"\A[\x21-\x7e]{1,100}\Z",
        max_length=100,
        required=False,
        help_text="`aud` of its tokens; default: the product key.",
    )


class ProductOutput(serializers.ModelSerializer[Product]):
    entitlement_catalogue = CatalogueRow(many=True, read_only=True)

    class Meta:
        model = Product
        fields = [
            "product_key", "slug", "name", "audience", "algorithm", "default_format", "entitlement_catalogue",
            "seat_label", "active", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class PlanUpdateInput(Input):
    """A plan's terms (C19). A limit of 0 is unlimited, a duration of 0 perpetual."""

    name = Text(max_length=200, required=False)
    edition = serializers.ChoiceField(choices=choices(Edition), required=False)
    kind = serializers.ChoiceField(choices=choices(Kind), required=False)
    duration_days = Whole(0, MAX_TERM_DAYS, required=False)
    seats = Whole(required=False)
    nodes = Whole(required=False)
    machines = Whole(required=False)
    collectors = Whole(required=False)
    warn_days = Whole(0, MAX_DAYS, required=False)
    grace_days = Whole(0, MAX_DAYS, required=False)
    entitlements = Entitlements(required=False)
    price_override_minor = Whole(
        0, MAX_PRICE, required=False, allow_null=True, help_text="Minor units, e.g. cents."
    )
    public = Flag(required=False)
    active = Flag(required=False)
    archived = Flag(required=False)
    tier_rank = Whole(0, MAX_TIER_RANK, required=False, allow_null=True)
    recurring = Flag(required=False)
    period_days = Whole(1, MAX_PERIOD_DAYS, required=False, allow_null=True)
    billing_grace_days = Whole(0, MAX_BILLING_GRACE_DAYS, required=False)
    trial_days = Whole(0, MAX_PERIOD_DAYS, required=False)


class PlanCreateInput(PlanUpdateInput):
    code = Code()
    name = Text(max_length=200)


class PlanOutput(serializers.ModelSerializer[Plan]):
    product_key = serializers.CharField(source="product.product_key", read_only=True)
    code = serializers.CharField(source="slug", read_only=True)
    entitlements = EntitlementsOutput(read_only=True)

    class Meta:
        model = Plan
        fields = [
            "product_key", "code", "name", "edition", "kind", "duration_days", "seats", "nodes", "machines",
            "collectors", "warn_days", "grace_days", "entitlements", "price_override_minor", "public",
            "active", "archived", "tier_rank", "recurring", "period_days", "billing_grace_days", "trial_days",
            "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class PresetOutput(serializers.ModelSerializer[Preset]):
    product_key = serializers.CharField(source="plan.product.product_key", read_only=True)
    plan = serializers.CharField(source="plan.slug", read_only=True)
    defaults = serializers.DictField(read_only=True, help_text="Terms that differ from the plan's.")

    class Meta:
        model = Preset
        fields = ["id", "name", "product_key", "plan", "kind", "defaults", "position", "active"]
        read_only_fields = fields
