"""Who is told what expires, and when: the daily digest of staff, and the notices to customers."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from config.kit.clock import now

EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)


def every_day() -> list[int]:
    return list(EVERY_DAY)


def every_kind() -> list[str]:
    return ["commercial", "trial", "test"]


def notice_days() -> list[int]:
    return [30, 14, 7, 1, 0]


def notice_kinds() -> list[str]:
    return ["commercial", "trial"]


def no_one() -> list[str]:
    return []


class ExpiryDigest(models.Model):
    """One daily mail about licenses near their end, and its settings (D13, D14)."""

    name = models.CharField(max_length=100, unique=True)
    enabled = models.BooleanField(default=True)
    recipients = models.JSONField(default=no_one, blank=True, help_text="Addresses.")
    days_ahead = models.PositiveSmallIntegerField(default=30)
    hour = models.PositiveSmallIntegerField(default=7, help_text="0 to 23, in the zone below.")
    zone = models.CharField(max_length=64, default="UTC", help_text="IANA name, as Europe/Berlin.")
    weekdays = models.JSONField(default=every_day, help_text="0 is Monday.")
    kinds = models.JSONField(default=every_kind)
    include_internal = models.BooleanField(default=False)
    send_empty = models.BooleanField(default=False, help_text="Send also when nothing expires.")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(hour__lte=23), name="digest_hour_in_range"),
            models.CheckConstraint(
                condition=Q(days_ahead__gte=0, days_ahead__lte=365), name="digest_days_in_range"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DigestRun(models.Model):
    """That a digest was made for a day; the row that keeps it from being made twice."""

    class State(models.TextChoices):
        SENT = "sent"
        EMPTY = "empty"  # nothing to list, and not asked to say so
        NO_RECIPIENT = "no_recipient", "no recipient"

    digest = models.ForeignKey(ExpiryDigest, on_delete=models.CASCADE, related_name="runs")
    day = models.DateField(help_text="The day in the digest's zone.")
    state = models.CharField(max_length=12, choices=State.choices)
    expiring = models.PositiveIntegerField(default=0)
    expired_today = models.PositiveIntegerField(default=0)
    recipients = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["-day", "-id"]
        constraints = [models.UniqueConstraint(fields=["digest", "day"], name="digest_once_a_day")]

    def __str__(self) -> str:
        return f"{self.digest_id} {self.day}"


class NoticePolicy(models.Model):
    """When customers are told that their license ends. One row."""

    ONLY = 1

    enabled = models.BooleanField(default=False)
    days_before = models.JSONField(default=notice_days, help_text="Days before the end; 0 is the day itself.")
    days_after = models.JSONField(default=no_one, blank=True, help_text="Days after the end.")
    kinds = models.JSONField(default=notice_kinds)
    hour = models.PositiveSmallIntegerField(default=9)
    zone = models.CharField(max_length=64, default="UTC")
    reply_to = models.EmailField(blank=True)

    class Meta:
        verbose_name_plural = "notice policies"
        constraints = [
            models.CheckConstraint(condition=Q(hour__lte=23), name="notice_hour_in_range"),
        ]

    def __str__(self) -> str:
        return "Customer notices"
