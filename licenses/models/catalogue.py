"""What is licensed: products, the plans that licenses are cut from, and the quick-generate presets."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from config.kit.clock import now
from config.kit.ids import uuid7
from licenses.domain.enums import Algorithm, Edition, Format, Kind

SLUG = RegexValidator(
    r"^[a-z0-9][a-z0-9_.-]{0,62}$", "Lower-case letters, digits, dots, hyphens and underscores."
)
LIMIT = MaxValueValidator(2_147_483_647)


def empty_map() -> dict[str, Any]:
    return {}


def empty_list() -> list[Any]:
    return []


def choices(names: type[StrEnum]) -> list[tuple[str, str]]:
    """Choices of a field from the domain's own enumeration, so that there is one list of each."""
    return [(name.value, LABELS.get(name.value, name.value.capitalize().replace("_", " "))) for name in names]


LABELS = {
    "RS256": "RS256 (RSA)",
    "EdDSA": "EdDSA (Ed25519)",
    "jwt": "JWT",
    "lic1": "LIC1 key",
    "envelope": "Envelope (.lic file)",
}


class Product(models.Model):
    """What is licensed. `audience` is the token's `aud`; an empty entitlement catalogue means free text (C20)."""

    uid = models.UUIDField(unique=True, default=uuid7, editable=False)
    slug = models.CharField(max_length=63, unique=True, validators=[SLUG])
    product_key = models.CharField(
        max_length=63, unique=True, validators=[SLUG], help_text="Name of the product in the API."
    )
    name = models.CharField(max_length=200)
    audience = models.CharField(
        max_length=100, help_text="`aud` of its tokens; deployments compare it exactly."
    )
    algorithm = models.CharField(max_length=5, choices=choices(Algorithm), default=Algorithm.RS256)
    default_format = models.CharField(max_length=8, choices=choices(Format), default=Format.JWT)
    entitlement_catalogue = models.JSONField(
        default=empty_list,
        blank=True,
        help_text="List of {slug, name, description}. Empty: any slug may be used.",
    )
    seat_label = models.CharField(max_length=40, default="seats", help_text="What this product calls a seat.")
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def entitlement_slugs(self) -> frozenset[str]:
        return frozenset(row["slug"] for row in self.entitlement_catalogue)


class Plan(models.Model):
    """The template a license is cut from (C19). Money is minor units; 0 days or 0 of a limit mean none."""

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="plans")
    slug = models.CharField("code", max_length=63, validators=[SLUG])
    name = models.CharField(max_length=200)
    edition = models.CharField(max_length=10, choices=choices(Edition), default=Edition.ENTERPRISE)
    kind = models.CharField(max_length=10, choices=choices(Kind), default=Kind.COMMERCIAL)
    duration_days = models.PositiveIntegerField(default=365, help_text="Term of a license; 0 is perpetual.")
    seats = models.PositiveIntegerField(
        default=0, validators=[LIMIT], help_text="Named users; 0 is unlimited."
    )
    nodes = models.PositiveIntegerField(
        default=0, validators=[LIMIT], help_text="Nodes before we call; 0 is unlimited."
    )
    machines = models.PositiveIntegerField(
        default=1, validators=[LIMIT], help_text="Machines that may activate; 0 is unlimited."
    )
    collectors = models.PositiveIntegerField(
        default=0, validators=[LIMIT], help_text="Collectors that may register; 0 is unlimited."
    )
    warn_days = models.PositiveSmallIntegerField(default=30)
    grace_days = models.PositiveSmallIntegerField(default=14)
    entitlements = models.JSONField(
        default=empty_map, blank=True, help_text='Map of slug to true, a number, text, or {"value", "exp"}.'
    )
    price_override_minor = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Price in minor units, e.g. cents."
    )
    public = models.BooleanField(default=False)
    active = models.BooleanField(default=True)
    archived = models.BooleanField(default=False)
    tier_rank = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="0 to 1000; orders upgrades."
    )
    recurring = models.BooleanField(default=False)
    period_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="1 to 1830, for recurring plans."
    )
    billing_grace_days = models.PositiveSmallIntegerField(default=7)
    trial_days = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["product", "tier_rank", "slug"]
        constraints = [
            models.UniqueConstraint(fields=["product", "slug"], name="plan_slug_once_a_product"),
            models.CheckConstraint(
                condition=Q(edition__in=["community", "enterprise"]), name="plan_edition_known"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["commercial", "trial", "test"]), name="plan_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(tier_rank__isnull=True) | Q(tier_rank__lte=1000), name="plan_tier_rank_in_range"
            ),
            models.CheckConstraint(
                condition=Q(recurring=False) | Q(period_days__gte=1, period_days__lte=1830),
                name="plan_period_in_range",
            ),
            models.CheckConstraint(
                condition=Q(billing_grace_days__lte=90), name="plan_billing_grace_in_range"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Preset(models.Model):
    """A named set of defaults behind a quick-generate button (D8, D9)."""

    name = models.CharField(max_length=100, unique=True)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="presets")
    kind = models.CharField(max_length=10, choices=choices(Kind), default=Kind.TEST)
    defaults = models.JSONField(default=empty_map, blank=True, help_text="Terms that differ from the plan's.")
    position = models.PositiveSmallIntegerField(default=0)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name
