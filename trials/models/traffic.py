"""Anonymous visits, counted and never attached to a person (A24, A28)."""

from __future__ import annotations

from django.db import models

from config.kit.clock import now


class TrafficDay(models.Model):
    """How many visits a day brought from one source."""

    day = models.DateField(help_text="In UTC.")
    source = models.CharField(max_length=60, blank=True)
    medium = models.CharField(max_length=60, blank=True)
    campaign = models.CharField(max_length=60, blank=True)
    visits = models.PositiveBigIntegerField(default=0)
    updated_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "source", "medium", "campaign"], name="traffic_once_a_day_and_source"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.source}"
