"""The state of a license as a person reads it (A12)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from licenses.domain.enums import Kind, LicenseStatus, Posture
from licenses.domain.posture import PostureView, view_of_terms
from licenses.domain.terms import Terms
from licenses.models import License

_WARNINGS = {
    Posture.WARNING: "The license expires soon: {days_left} days are left.",
    Posture.GRACE: "The license has expired. Writes stop at {grace_until:%Y-%m-%d %H:%M} UTC.",
}
_READ_ONLY = "The license and its grace period are over: the system is read-only."


def license_status(row: License, at: datetime) -> dict[str, Any]:
    """State, limits, end, warning and error of a license at an instant. Needs the account loaded."""
    view = view_of_terms(Terms(row.starts_at, row.expires_at, row.warn_days, row.grace_days), at)
    held = row.status != LicenseStatus.ACTIVE
    return {
        "license": row.public_id,
        "state": _state(row, view),
        "posture": Posture.INVALID.value if held else view.posture.value,
        "expired": view.expired,
        "edition": row.edition,
        "kind": row.kind,
        "customer": {
            "id": row.account.customer_id,
            "slug": row.account.slug,
            "name": row.account.name,
        },
        "seats": row.seats,
        "nodes": row.nodes,
        "expires_at": row.expires_at,
        "grace_until": view.grace_until,
        "days_left": view.days_left,
        "changes_at": None if held else view.changes_at,
        "warning": None if held else _warning(view),
        "error": _error(row, view),
        "checked_at": at,
    }


def _state(row: License, view: PostureView) -> str:
    if row.status != LicenseStatus.ACTIVE:
        return str(row.status)
    if view.posture is Posture.INVALID:
        return "not_started"
    if row.kind == Kind.TRIAL and not view.expired:
        return "trial"
    return view.posture.value


def _warning(view: PostureView) -> str | None:
    text = _WARNINGS.get(view.posture)
    return text and text.format(days_left=view.days_left, grace_until=view.grace_until)


def _error(row: License, view: PostureView) -> str | None:
    if row.status == LicenseStatus.REVOKED:
        return "The license was revoked. Tokens that are out keep validating offline until they expire."
    if row.status == LicenseStatus.SUSPENDED:
        return "The license is suspended."
    return _READ_ONLY if view.posture is Posture.READ_ONLY else view.error
