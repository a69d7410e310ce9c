"""The domain's posture applied to a row: the stored posture and when it changes next."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from licenses.domain.enums import LicenseStatus, Posture
from licenses.domain.instants import later
from licenses.domain.posture import next_change_at, posture_of_terms
from licenses.models import License


def posture_at(row: License, at: datetime) -> Posture:
    """Posture of a license at an instant, from its live terms."""
    return posture_of_terms(
        starts_at=row.starts_at,
        expires_at=row.expires_at,
        warn_days=row.warn_days,
        grace_days=row.grace_days,
        status=LicenseStatus(row.status),
        now=at,
    )


def place_posture(row: License, at: datetime) -> bool:
    """Set the row's stored posture and its next change; say whether the posture is another one now."""
    before, row.posture = row.posture, posture_at(row, at).value
    row.posture_due_at = next_change_at(
        starts_at=row.starts_at,
        expires_at=row.expires_at,
        warn_days=row.warn_days,
        grace_days=row.grace_days,
        status=LicenseStatus(row.status),
        now=at,
    )
    return before != row.posture


class HasEnd(Protocol):
    """The terms that say when a license is over."""

    @property
    def expires_at(self) -> datetime | None: ...
    @property
    def grace_days(self) -> int: ...


def license_ended(row: HasEnd, at: datetime) -> bool:
    """Is the license past its expiry and its grace?"""
    return row.expires_at is not None and at >= later(row.expires_at, timedelta(days=row.grace_days))
