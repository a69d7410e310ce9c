"""Maintenance of perpetual licenses: until which release they may be used (E32)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from billing.selectors.orders import maintenance_offer_of
from licenses.domain.enums import LicenseStatus
from licenses.errors import LicenseRevoked
from licenses.models import License
from licenses.services.issuing import license_lock, record_license

YEAR_DAYS = 365


def maintenance_extend(*, license: License, at: datetime, actor: str) -> License:  # noqa: A002 - the word of the vocabulary
    """Let a perpetual license use releases for one more year, counted from the old end, or from now when past.

    How long a year is, its offer says. Raises LicenseRevoked (409). Each call extends once: the caller decides
    that it was paid, in the same transaction.
    """
    with transaction.atomic():
        row = license_lock(license)
        if row.status == LicenseStatus.REVOKED:
            raise LicenseRevoked
        offer = maintenance_offer_of(row)
        old = row.maintenance_expires_at
        since = max(old or at, at).replace(microsecond=0)
        row.maintenance_expires_at = since + timedelta(days=offer.maintenance_days if offer else YEAR_DAYS)
        row.save(update_fields=["maintenance_expires_at"])
        data = {
            "old_expires_at": old.isoformat() if old else None,
            "expires_at": row.maintenance_expires_at.isoformat(),
        }
        record_license("maintenance.extended", row, actor=actor, at=at, data=data)
    return row
