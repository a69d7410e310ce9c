"""Suspend, reinstate, revoke (A27, C25)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from config.kit.errors import FieldError, Invalid
from licenses.domain.enums import LicenseStatus
from licenses.errors import AlreadyRevoked, LicenseRevoked, LicenseSuspended, NotSuspended
from licenses.models import License, StatusReason
from licenses.postures import place_posture
from licenses.services.posture import record_posture
from licenses.services.signing import license_lock, record_license


def license_suspend(*, license: License, reason: str, actor: str, at: datetime) -> License:  # noqa: A002 - the word of the vocabulary
    """Stop issuing and online validation until reinstated. Raises LicenseSuspended, LicenseRevoked, Invalid."""
    _demand_reason(reason)
    with transaction.atomic():
        row = license_lock(license)
        if row.status == LicenseStatus.REVOKED:
            raise LicenseRevoked
        if row.status == LicenseStatus.SUSPENDED:
            raise LicenseSuspended("This license is suspended already.")
        return _change(row, LicenseStatus.SUSPENDED, "license.suspended", reason=reason, actor=actor, at=at)


def license_reinstate(*, license: License, reason: str = "", actor: str, at: datetime) -> License:  # noqa: A002 - the word of the vocabulary
    """Take a suspension back. Raises NotSuspended, LicenseRevoked (revoking is final)."""
    with transaction.atomic():
        row = license_lock(license)
        if row.status == LicenseStatus.REVOKED:
            raise LicenseRevoked
        if row.status != LicenseStatus.SUSPENDED:
            raise NotSuspended
        return _change(row, LicenseStatus.ACTIVE, "license.reinstated", reason=reason, actor=actor, at=at)


def license_revoke(*, license: License, reason: str, actor: str, at: datetime) -> License:  # noqa: A002 - the word of the vocabulary
    """End a license for good: no more issuing or renewing, online validation says `revoked` at once.

    Tokens that are out keep validating offline until their `exp`. Raises AlreadyRevoked (nothing changes).
    """
    _demand_reason(reason)
    with transaction.atomic():
        row = license_lock(license)
        if row.status == LicenseStatus.REVOKED:
            raise AlreadyRevoked(
                f"This license was revoked on {row.status_at:%Y-%m-%d %H:%M} UTC; nothing has changed."
            )
        return _change(row, LicenseStatus.REVOKED, "license.revoked", reason=reason, actor=actor, at=at)


def _change(
    row: License, status: LicenseStatus, kind: str, *, reason: str, actor: str, at: datetime
) -> License:
    before, previous = row.posture, row.status
    row.status, row.status_reason, row.status_at = status, reason, at
    changed = place_posture(row, at)
    row.save(update_fields=["status", "status_reason", "status_at", "posture", "posture_due_at"])
    # The reason is free text of staff and stays in rows of ours; history holds that one was given.
    if reason:
        StatusReason.objects.create(license=row, kind=kind, reason=reason, given_at=at)
    data = {"from": str(previous), "to": str(status), "reason_given": bool(reason)}
    record_license(kind, row, actor=actor, at=at, data=data)
    if changed:
        record_posture(row, before=before, actor=actor, at=at)
    return row


def _demand_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid([FieldError("reason", "required", "Say why: the reason is kept with the license.")])
