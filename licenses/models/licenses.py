"""The live right."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.functional import cached_property

from accounts.models import Account
from config.kit import ids
from config.kit.clock import now
from licenses.domain.enums import Edition, Kind, LicenseStatus
from licenses.models.catalogue import LIMIT, Plan, Product, choices, empty_map


class LicenseQuerySet(models.QuerySet["License"]):
    def with_relations(self) -> LicenseQuerySet:
        return self.select_related("account", "product", "plan", "creator")

    def commercial_figures(self) -> LicenseQuerySet:
        """Only what counts in revenue and conversion: no internal and no test licenses (D4)."""
        return self.filter(internal=False).exclude(kind=Kind.TEST)

    def expiring(self, since: datetime, until: datetime) -> LicenseQuerySet:
        return self.filter(status=LicenseStatus.ACTIVE, expires_at__gte=since, expires_at__lt=until)

    def by_public_id(self, public_id: str) -> LicenseQuerySet:
        uid = ids.parse_license_id(public_id)
        return self.filter(uid=uid) if uid else self.none()


class License(models.Model):
    """The live right of one account to one product. Issuances are its signed snapshots.

    Limits: 0 is unlimited. `expires_at` null is perpetual. `quantity` is the "license count" of the
    reports; `plan` its "license type". Status changes go through `licenses.services` only.
    """

    class Origin(models.TextChoices):
        STAFF = "staff"
        API = "api"
        CLI = "cli"
        TRIAL = "trial"
        STRIPE = "stripe"
        LEGACY = "legacy"
        DEMO = "demo"

    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="licenses", db_index=False)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="licenses", db_index=False)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="licenses", db_index=False)
    plan_code = models.CharField(max_length=63, help_text="Code of the plan when the license was cut.")
    kind = models.CharField(max_length=10, choices=choices(Kind))
    internal = models.BooleanField(default=False, help_text="For our own use; out of every revenue figure.")
    edition = models.CharField(max_length=10, choices=choices(Edition))
    quantity = models.PositiveIntegerField("count", default=1, validators=[LIMIT])
    seats = models.PositiveIntegerField(default=0, validators=[LIMIT])
    nodes = models.PositiveIntegerField(default=0, validators=[LIMIT])
    machines = models.PositiveIntegerField(default=0, validators=[LIMIT])
    collectors = models.PositiveIntegerField(default=0, validators=[LIMIT])
    entitlements = models.JSONField(default=empty_map, blank=True)
    starts_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: perpetual.")
    warn_days = models.PositiveSmallIntegerField(default=30)
    grace_days = models.PositiveSmallIntegerField(default=14)
    fingerprint_sha256 = models.CharField(max_length=64, blank=True)
    prefer_online = models.BooleanField(
        default=False, help_text="Ask deployments to validate online when they can."
    )
    online_url = models.URLField(blank=True)
    maintenance_expires_at = models.DateTimeField(
        null=True, blank=True, help_text="Of a perpetual license: it may use releases made until then."
    )
    comment = models.TextField(blank=True, max_length=2000)
    crm_ref = models.CharField("CRM record", max_length=100, blank=True)
    status = models.CharField(max_length=9, choices=choices(LicenseStatus), default=LicenseStatus.ACTIVE)
    status_reason = models.CharField(max_length=500, blank=True)
    status_at = models.DateTimeField(default=now, editable=False)
    origin = models.CharField(max_length=6, choices=Origin.choices, default=Origin.STAFF, editable=False)
    legacy_key = models.CharField(
        max_length=200, blank=True, editable=False, help_text="Id in the older tool; not re-signable."
    )
    created_by = models.CharField(max_length=80, editable=False)
    creator = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    created_at = models.DateTimeField(default=now, editable=False)
    posture = models.CharField(
        max_length=10, default="valid", editable=False, help_text="As the last sweep saw it."
    )
    posture_due_at = models.DateTimeField(null=True, editable=False, help_text="When posture changes next.")

    objects = LicenseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(edition__in=["community", "enterprise"]), name="license_edition_known"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["commercial", "trial", "test"]), name="license_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["active", "suspended", "revoked"]), name="license_status_known"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("starts_at")),
                name="license_ends_after_it_starts",
            ),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="license_counts_at_least_one"),
            # an import that is repeated finds what is there (D1)
            models.UniqueConstraint(
                fields=["product", "legacy_key"], condition=~Q(legacy_key=""), name="license_legacy_key_once"
            ),
        ]
        # Every list of a million rows is a range of one of these: a filter, newest first, or an order.
        indexes = [
            # the daily digest, "expiring in N days", and the order by end; the state spares reading the rows
            models.Index(fields=["expires_at", "id", "status"], name="license_expiring"),
            # the posture sweep
            models.Index(fields=["posture_due_at"], name="license_posture_due"),
            # also serve the foreign keys
            models.Index(fields=["account", "-id"], name="license_account"),
            models.Index(fields=["product", "-id"], name="license_product"),
            models.Index(fields=["plan", "-id"], name="license_plan"),
            models.Index(fields=["creator", "-id"], name="license_creator"),
            models.Index(fields=["status", "-id"], name="license_status"),
            models.Index(fields=["kind", "-id"], name="license_kind"),
            models.Index(fields=["posture", "-id"], name="license_posture"),
            models.Index(fields=["origin", "-id"], name="license_origin"),
            models.Index(fields=["-id"], name="license_internal", condition=Q(internal=True)),
            # made in a month
            models.Index(fields=["created_at"], name="license_created"),
            # filters that are combined. Few values, and no key at the end: rows that are alike share one entry, so
            # that the whole index is small enough to be read through where its first columns are not asked for
            models.Index(
                fields=["kind", "status", "posture", "edition", "internal", "product", "plan", "origin"],
                name="license_facets",
            ),
            # the order by count
            models.Index(fields=["quantity", "-id"], name="license_quantity"),
        ]
        permissions = [
            ("create_commercial", "Can create commercial and trial licenses"),
            ("create_test", "Can create test licenses"),
            ("renew_license", "Can renew, suspend and reinstate licenses"),
            ("revoke_license", "Can revoke licenses"),
            ("see_key_text", "Can see, copy and download license keys"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @cached_property
    def public_id(self) -> str:
        return ids.license_id(self.uid)

    @property
    def is_perpetual(self) -> bool:
        return self.expires_at is None

    @property
    def is_legacy(self) -> bool:
        return self.origin == self.Origin.LEGACY

    def snapshot(self) -> dict[str, Any]:
        """The terms as history keeps them: states, counts and instants, nothing personal."""
        return {
            "product": self.product.product_key,
            "plan": self.plan_code,
            "kind": self.kind,
            "edition": self.edition,
            "internal": self.internal,
            "quantity": self.quantity,
            "seats": self.seats,
            "nodes": self.nodes,
            "machines": self.machines,
            "collectors": self.collectors,
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
        }


class LicenseUsage(License):
    """A license seen for what is used of it (D12): the same rows under another list of the admin."""

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = "usage"
        verbose_name_plural = "usage"
