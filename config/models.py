"""What the composition itself must remember."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Heartbeat(models.Model):
    """When a part last showed that it is alive. A row, because every process and machine can read it."""

    name = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        default_permissions: ClassVar[tuple[str, ...]] = ()

    def __str__(self) -> str:
        return self.name


class KeptFigures(models.Model):
    """Figures of the first page as they were counted last. A row, because every process and machine can read it."""

    name = models.CharField(max_length=32, primary_key=True)
    figures = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        default_permissions: ClassVar[tuple[str, ...]] = ()

    def __str__(self) -> str:
        return self.name


class SetAside(models.Model):
    """A problem of "Needs attention" that somebody has seen and leaves as it is: it is shown no more."""

    source = models.CharField(max_length=40)
    key = models.CharField(max_length=100)
    title = models.CharField(max_length=200, help_text="What was shown, for who looks through them.")
    set_by = models.CharField(max_length=80)
    set_at = models.DateTimeField()

    class Meta:
        default_permissions: ClassVar[tuple[str, ...]] = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "key"], name="config_setaside_once")
        ]

    def __str__(self) -> str:
        return self.title
