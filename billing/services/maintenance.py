"""Maintenance of perpetual licenses: until which release they may be used (E32)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from billing.domain.enums import GONE_BACK, MaintenanceMode, Purpose
from billing.domain.terms import maintenance_extended, maintenance_left
from billing.models import Fulfilment
from billing.selectors.orders import maintenance_ending_of_itself, maintenance_offer_of
from history.domain.kinds import Kind
from licenses.domain.enums import LicenseStatus
from licenses.errors import LicenseRevoked
from licenses.models import License
from licenses.services.signing import license_lock, record_license

YEAR_DAYS = 365
AHEAD = timedelta(days=7)
"""How long before its end maintenance that goes on by itself is extended, so that a missed run withholds nothing."""
BATCH = 500


@dataclass(frozen=True, slots=True)
class Extension:
    """What one renewal of maintenance gave: the end of before, and for how many days."""

    before: datetime | None
    days: int


def maintenance_extend(*, license: License, at: datetime, actor: str) -> Extension:  # noqa: A002 - the word of the vocabulary
    """Let a perpetual license use releases for one more year, counted from the old end, or from now when past.

    How long a year is, its offer says. Raises LicenseRevoked (409). Each call extends once: the caller decides
    that it was paid, or goes on by itself, in the same transaction.
    """
    with transaction.atomic():
        row = license_lock(license)
        if row.status == LicenseStatus.REVOKED:
            raise LicenseRevoked
        offer = maintenance_offer_of(row)
        given = Extension(row.maintenance_expires_at, offer.maintenance_days if offer else YEAR_DAYS)
        end = maintenance_extended(given.before, days=given.days, at=at)
        _write(Kind.MAINTENANCE_EXTENDED, row, end, actor=actor, at=at)
    return given


def maintenance_go_on(*, actor: str, at: datetime) -> int:
    """Extend what goes on by itself (`auto`) and ends soon or has ended; how many. Safe to repeat (E32)."""
    ending = maintenance_ending_of_itself(at + AHEAD)[:BATCH]
    return sum(_go_on(row, actor, at) for row in ending)


def _go_on(license: License, actor: str, at: datetime) -> bool:  # noqa: A002 - the word of the vocabulary
    with transaction.atomic():
        row = license_lock(license)
        end, offer = row.maintenance_expires_at, maintenance_offer_of(row)
        over = row.status == LicenseStatus.REVOKED or end is None or end > at + AHEAD
        if over or offer is None or offer.maintenance != MaintenanceMode.AUTO:
            return False
        maintenance_extend(license=row, actor=actor, at=at)
    return True


def maintenance_withdraw(*, license: License, actor: str, at: datetime) -> None:  # noqa: A002 - the word of the vocabulary
    """Leave a license the maintenance of the orders that are still paid. In the caller's transaction.

    Done twice it changes nothing.
    """
    row = license_lock(license)
    orders = Fulfilment.objects.filter(license=row, payment__purpose=Purpose.MAINTENANCE).order_by("pk")
    given = list(orders.values_list("maintenance_before", "created_at", "maintenance_days", "payment__state"))
    if not given:
        return
    paid = [(since, days) for _, since, days, state in given if days and state not in GONE_BACK]
    end = maintenance_left(given[0][0], paid)
    if end != row.maintenance_expires_at:
        _write(Kind.MAINTENANCE_WITHDRAWN, row, end, actor=actor, at=at)


def _write(kind: Kind, row: License, end: datetime | None, *, actor: str, at: datetime) -> None:
    old, row.maintenance_expires_at = row.maintenance_expires_at, end
    row.save(update_fields=["maintenance_expires_at"])
    data = {
        "old_expires_at": old.isoformat() if old else None,
        "expires_at": end.isoformat() if end else None,
    }
    record_license(kind, row, actor=actor, at=at, data=data)
