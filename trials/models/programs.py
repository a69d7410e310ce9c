"""The rules under which a product may be tried (E21)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import SLUG
from config.kit.clock import now
from licenses.models import Plan, Product
from licenses.models.catalogue import choices
from trials.domain.evidence.words import AccessChannel


def nothing() -> list[dict[str, object]]:
    return []


class TrialProgram(models.Model):
    """Who may try a product, how long, with what, and what is asked of them. The shape of a license is A22's."""

    class Approval(models.TextChoices):
        SELF_SERVE = "self_serve", "self-serve"
        OPERATOR = "operator", "by an operator"

    slug = models.CharField(max_length=63, unique=True, validators=[SLUG])
    name = models.CharField(max_length=100)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="trial_programs")
    plan = models.ForeignKey(
        Plan,
        on_delete=models.PROTECT,
        related_name="trial_programs",
        help_text="What the license is cut from.",
    )
    active = models.BooleanField(default=True)
    default = models.BooleanField(
        default=False, help_text="Serves requests that name the product and no program."
    )
    approval = models.CharField(max_length=10, choices=Approval.choices, default=Approval.SELF_SERVE)
    public = models.BooleanField(
        default=False, help_text="Requests need no API key; the hosted page is open."
    )
    edition = models.CharField(max_length=10, default="enterprise")
    duration_days = models.PositiveSmallIntegerField(default=30)
    seats = models.PositiveIntegerField(default=10, help_text="0: unlimited.")
    nodes = models.PositiveIntegerField(default=1, help_text="0: unlimited.")
    cooldown_days = models.PositiveSmallIntegerField(
        default=180, help_text="Days after the end before the same address or company may try again."
    )
    extension_days = models.PositiveSmallIntegerField(default=14, help_text="What one extension adds.")
    extensions_max = models.PositiveSmallIntegerField(default=1)
    verify_address = models.BooleanField(default=False, help_text="Mail a code before anything is issued.")
    free_mail = models.BooleanField(default=True, help_text="Accept addresses of free mail providers.")
    terms_url = models.URLField(blank=True)
    terms_version = models.CharField(max_length=40, blank=True, help_text="Empty: nothing to accept.")
    fields = models.JSONField(
        default=nothing,
        blank=True,
        help_text="Questions asked besides: name, label, kind (text, choice, flag), required, choices.",
    )
    origins = models.JSONField(
        default=nothing, blank=True, help_text="Sites that may embed the page, as https://www.example.com."
    )
    stuck_hours = models.PositiveSmallIntegerField(default=48, help_text="Without a heartbeat: stuck.")
    stuck_task_days = models.PositiveSmallIntegerField(
        default=7, help_text="Stuck so long: a task for staff."
    )
    dormant_days = models.PositiveSmallIntegerField(default=7)
    dormant_paid_days = models.PositiveSmallIntegerField(default=30)
    ready_days = models.PositiveSmallIntegerField(default=5, help_text="Days with a heartbeat …")
    ready_window_days = models.PositiveSmallIntegerField(default=7, help_text="… of so many: pilot-ready.")
    # what evidence of access is drafted with (B3): opaque references
    release_ref = models.CharField(
        "release reference", max_length=120, blank=True, help_text="The approved release, as release:2026.11."
    )
    artifact_ref = models.CharField("artifact reference", max_length=120, blank=True)
    access_channel = models.CharField(
        max_length=14, choices=choices(AccessChannel), default=AccessChannel.PRIVATE_BINARY
    )
    support_owner_ref = models.CharField("support owner", max_length=120, blank=True)
    onboarding_ref = models.CharField("onboarding reference", max_length=120, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            # MariaDB has no partial unique index: there the service's lock alone keeps it
            models.UniqueConstraint(
                fields=["product"], condition=Q(default=True), name="program_one_default_a_product"
            ),
            models.CheckConstraint(
                condition=Q(duration_days__gte=1, duration_days__lte=365), name="program_duration_in_range"
            ),
            models.CheckConstraint(
                condition=Q(edition__in=["community", "enterprise"]), name="program_edition_known"
            ),
            models.CheckConstraint(
                condition=Q(ready_days__lte=models.F("ready_window_days")), name="program_ready_fits_window"
            ),
        ]

    def __str__(self) -> str:
        return self.name
