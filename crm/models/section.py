"""Whether the CRM is switched on (D17)."""

from __future__ import annotations

from django.db import models

from config.kit.clock import now


class Section(models.Model):
    """One row: a superadmin switched the section on, or off again. What it shows depends on the license besides."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY)
    active = models.BooleanField(default=False)
    by = models.CharField(max_length=80, blank=True, help_text="Who switched it last.")
    at = models.DateTimeField(default=now, help_text="When.")

    class Meta:
        default_permissions = ()
        verbose_name = "CRM section"
        verbose_name_plural = "CRM section"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="crm_section_only"),
        ]

    def __str__(self) -> str:
        return "on" if self.active else "off"
