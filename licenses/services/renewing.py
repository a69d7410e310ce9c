"""Renewing: one service for staff, invoices and trial extensions alike (A26)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from config.kit.errors import FieldError, Invalid
from licenses.claims import ToSign
from licenses.domain.enums import Format, LicenseStatus
from licenses.domain.periods import PeriodError, RenewalAnchor, renewal_end
from licenses.errors import (
    ChangedMeanwhile,
    LegacyLicense,
    LicensePerpetual,
    LicenseRevoked,
    LicenseSuspended,
    RenewalNotLater,
)
from licenses.models import Issuance, License, Renewal
from licenses.postures import place_posture
from licenses.services.posture import record_posture
from licenses.services.signing import Issued, issuance_data, license_sign, lock_to_change, record_license


@dataclass(frozen=True, slots=True)
class Renewed:
    """The prolongation and the fresh issuance."""

    renewal: Renewal
    issued: Issued


def license_renew(
    *,
    license: License,  # noqa: A002 - the word of the vocabulary
    until: datetime | None = None,
    months: int | None = None,
    days: int | None = None,
    anchor: RenewalAnchor = RenewalAnchor.OLD_END,
    anchor_at: datetime | None = None,
    seen_end: datetime | None = None,
    reason: str = "",
    format: Format | None = None,  # noqa: A002 - the word of the vocabulary
    persist: bool | None = None,
    channel: str,
    actor: str,
    at: datetime,
) -> Renewed:
    """Move the end of a license, sign a fresh snapshot and keep a renewal row; earlier issuances stay.

    Give exactly one of `until` (the new end itself), `months` or `days`. `anchor` says what months and
    days count from: the old end (unless that is past), now, or the date `anchor_at`. `seen_end` is the end
    that whoever asks had before them: when it is another one by now, somebody was faster or pressed twice.
    Raises ChangedMeanwhile, RenewalNotLater, LicenseRevoked, LicenseSuspended, LicensePerpetual, LegacyLicense.
    """
    with transaction.atomic():
        row, keys = lock_to_change(license)
        old_end = _refuse_unless_renewable(row)
        if seen_end not in (None, old_end):
            raise ChangedMeanwhile(
                f"It was renewed meanwhile to {old_end:%Y-%m-%d %H:%M} UTC; nothing was added."
            )
        new_end = _new_end(
            old_end, until=until, months=months, days=days, anchor=anchor, anchor_at=anchor_at, at=at
        )
        row.expires_at = new_end
        before = row.posture
        changed = place_posture(row, at)
        row.save(update_fields=["expires_at", "posture", "posture_due_at"])
        issued = license_sign(
            row,
            ToSign.of(row),
            keys,
            format=format,
            persist=persist,
            cause=Issuance.Cause.RENEW,
            channel=channel,
            actor=actor,
            at=at,
        )
        renewal = Renewal.objects.create(
            license=row, issuance=issued.issuance, old_expires_at=old_end, new_expires_at=new_end,
            reason=reason, actor=actor, renewed_at=at,
        )  # fmt: skip
        data = {**issuance_data(issued.issuance), "old_expires_at": old_end.isoformat()}
        record_license("license.renewed", row, actor=actor, at=at, data=data)
        if changed:
            record_posture(row, before=before, actor=actor, at=at)
    return Renewed(renewal, issued)


def license_renewal_end(
    *,
    license: License,  # noqa: A002 - the word of the vocabulary
    until: datetime | None = None,
    months: int | None = None,
    days: int | None = None,
    anchor: RenewalAnchor = RenewalAnchor.OLD_END,
    anchor_at: datetime | None = None,
    at: datetime,
) -> datetime:
    """The end that `license_renew` would give with the same arguments; writes nothing, refuses alike."""
    old_end = _refuse_unless_renewable(license)
    return _new_end(old_end, until=until, months=months, days=days, anchor=anchor, anchor_at=anchor_at, at=at)


def _refuse_unless_renewable(row: License) -> datetime:
    if row.is_legacy:
        raise LegacyLicense
    if row.status == LicenseStatus.REVOKED:
        raise LicenseRevoked
    if row.status == LicenseStatus.SUSPENDED:
        raise LicenseSuspended
    if row.expires_at is None:
        raise LicensePerpetual
    return row.expires_at


def _new_end(
    old_end: datetime,
    *,
    until: datetime | None,
    months: int | None,
    days: int | None,
    anchor: RenewalAnchor,
    anchor_at: datetime | None,
    at: datetime,
) -> datetime:
    if sum(value is not None for value in (until, months, days)) != 1:
        raise Invalid([FieldError("", "one_of", "Give exactly one of until, months and days.")])
    if until is not None:
        anchor, anchor_at = RenewalAnchor.DATE, until
    try:
        return renewal_end(
            anchor=anchor,
            current_end=old_end,
            now=at.replace(microsecond=0),
            months=months,
            days=days,
            date=anchor_at,
        )
    except PeriodError as error:
        field = "until" if until is not None else "months" if months is not None else "days"
        entry = FieldError(field, error.reason, f"{error.detail[:1].upper()}{error.detail[1:]}.")
        raise (RenewalNotLater if error.reason == "not_later" else Invalid)([entry]) from error
